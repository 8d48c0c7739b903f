import { isDomainError } from '@image-factory/domain';
import type { FoundCredentials, FoundObject } from '@image-factory/domain';
import type { ClusterConnection } from '@image-factory/cluster-connectors';
import type { ObjectMeta } from '../follow/kube-objects.js';
import { ownership } from '../follow/run-views.js';
import { clusterUidOf } from '../place/cluster-uid.js';
import { KUBE_PATHS } from './kube-paths.js';

/** Names and labels only: what is in a Secret never leaves the cluster, and of a run no more is needed here. */
const METADATA_ACCEPT = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
const PAGE_SIZE = 500;
/** The budget of one look for Secrets. What is beyond it is seen when others before it are gone. */
const MOST_PAGES = 10;

interface MetadataList {
  readonly metadata?: { readonly continue?: string };
  readonly items?: readonly { readonly metadata: ObjectMeta }[];
}

/** An object as the API server has it now. */
export interface ListedObject {
  readonly found: FoundObject;
  readonly uid: string;
  readonly createdAt: Date;
}

/** Attempts' Secrets that fit the selector. @throws DomainError as the connection, unless listing is not allowed */
export async function listCredentials(connection: ClusterConnection, labelSelector: string): Promise<FoundCredentials> {
  try {
    const listed = await listObjects(connection, KUBE_PATHS.secrets, labelSelector, MOST_PAGES);
    return { kind: 'listed', found: listed.map(({ found }) => found) };
  } catch (error) {
    if (isDomainError(error) && error.reason === 'ClusterForbidden') return { kind: 'refused' };
    throw error;
  }
}

/** Objects of attempts that fit the selector, all of them unless pages are limited, by what their labels say. */
export async function listObjects(
  connection: ClusterConnection,
  path: string,
  labelSelector: string,
  mostPages = Number.POSITIVE_INFINITY,
): Promise<readonly ListedObject[]> {
  const clusterUid = await clusterUidOf(connection, 'status');
  const found: ListedObject[] = [];
  let token: string | undefined;
  for (let page = 0; page < mostPages; page += 1) {
    const { body } = await connection.request<MetadataList>({
      requestClass: 'status',
      method: 'GET',
      path,
      query: { labelSelector, limit: PAGE_SIZE, continue: token },
      accept: METADATA_ACCEPT,
    });
    found.push(...(body.items ?? []).map(({ metadata }) => listedObject(metadata, clusterUid)));
    token = body.metadata?.continue;
    if (token === undefined || token === '') break;
  }
  return found;
}

function listedObject(metadata: ObjectMeta, clusterUid: string): ListedObject {
  const { name = '', namespace = '', uid = '', creationTimestamp } = metadata;
  const createdAt = new Date(creationTimestamp ?? 0);
  return { found: { ...ownership(metadata), clusterUid, namespace, name }, uid, createdAt };
}
