import { type FoundCredential, type FoundCredentials, isDomainError, LABELS } from '@image-factory/domain';
import type { ClusterConnection } from '@image-factory/cluster-connectors';
import { KUBE_PATHS } from './kube-paths.js';

/** Names and labels only: what is in a Secret never leaves the cluster. */
const METADATA_ACCEPT = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
const PAGE_SIZE = 500;
/** The budget of one look. What is beyond it is seen when others before it are gone. */
const MOST_PAGES = 10;

interface MetadataList {
  readonly metadata?: { readonly continue?: string };
  readonly items?: readonly {
    readonly metadata: {
      readonly name: string;
      readonly namespace?: string;
      readonly labels?: Readonly<Record<string, string>>;
    };
  }[];
}

/** Attempts' Secrets that fit the selector. @throws DomainError as the connection, unless listing is not allowed */
export async function listCredentials(connection: ClusterConnection, labelSelector: string): Promise<FoundCredentials> {
  const found: FoundCredential[] = [];
  let token: string | undefined;
  try {
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const { body } = await connection.request<MetadataList>({
        requestClass: 'status',
        method: 'GET',
        path: KUBE_PATHS.secrets,
        query: { labelSelector, limit: PAGE_SIZE, continue: token },
        accept: METADATA_ACCEPT,
      });
      for (const { metadata } of body.items ?? []) {
        const { name, namespace = '', labels } = metadata;
        found.push({ executionId: labels?.[LABELS.execution], namespace, name });
      }
      token = body.metadata?.continue;
      if (token === undefined || token === '') break;
    }
  } catch (error) {
    if (isDomainError(error) && error.reason === 'ClusterForbidden') return { kind: 'refused' };
    throw error;
  }
  return { kind: 'listed', found };
}
