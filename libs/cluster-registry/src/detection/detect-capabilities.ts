import type { ClusterConnection } from '@image-factory/cluster-connectors';
import { type DetectedCapabilities, type DetectedPart, isDomainError } from '@image-factory/domain';
import { type NodeObject, NodeTally } from './node-facts.js';

const NODES_PER_PAGE = 50;
const MOST_NODES = 5_000;
const MOST_CLASSES = 100;
const MOST_FLAGS = 100;
/** Where Tekton is installed: its own release, OpenShift's operator. */
const TEKTON_NAMESPACES = ['tekton-pipelines', 'openshift-pipelines'];

type Found = Partial<Omit<DetectedCapabilities, 'undetected' | 'detectedAt' | 'seenAt' | 'generation'>>;

/** How long one request may take, and what ends all of them. */
interface Limits {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}
type Look = (connection: ClusterConnection, limits: Limits) => Promise<Found>;

const LOOKS: Readonly<Record<DetectedPart, Look>> = {
  nodes: lookAtNodes,
  storage: lookAtStorage,
  kubernetes: lookAtKubernetes,
  tekton: lookAtTekton,
  tektonFeatures: lookAtTektonFeatures,
};

/**
 * What a cluster can do, as far as its identity may see: each part by itself, so that one that is refused leaves the others.
 * Never throws.
 */
export async function detectCapabilities(
  connection: ClusterConnection,
  options: Limits & { readonly now: Date },
): Promise<DetectedCapabilities> {
  const undetected: Partial<Record<DetectedPart, { reason: string; message: string }>> = {};
  let found: Found = {};
  for (const part of Object.keys(LOOKS) as DetectedPart[]) {
    try {
      found = { ...found, ...(await LOOKS[part](connection, options)) };
    } catch (error) {
      undetected[part] = isDomainError(error)
        ? { reason: error.reason, message: error.message }
        : { reason: 'Internal', message: 'The cluster answered in an unexpected way.' };
    }
  }
  return { ...found, undetected, detectedAt: options.now.toISOString(), generation: connection.generation };
}

async function lookAtNodes(connection: ClusterConnection, limits: Limits): Promise<Found> {
  const tally = new NodeTally();
  let token: string | undefined;
  let seen = 0;
  do {
    const body = await get<{
      readonly metadata?: { readonly continue?: string };
      readonly items?: readonly NodeObject[];
    }>(connection, '/api/v1/nodes', limits, { limit: NODES_PER_PAGE, continue: token });
    for (const node of body.items ?? []) tally.add(node);
    seen += body.items?.length ?? 0;
    token = body.metadata?.continue;
  } while (token !== undefined && token !== '' && seen < MOST_NODES);
  return tally.facts();
}

async function lookAtStorage(connection: ClusterConnection, limits: Limits): Promise<Found> {
  const path = '/apis/storage.k8s.io/v1/storageclasses';
  const body = await get<{
    readonly items?: readonly {
      readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
    }[];
  }>(connection, path, limits, { limit: MOST_CLASSES });
  const storageClasses = (body.items ?? []).map(({ metadata: { name, annotations } }) => {
    return { name, isDefault: annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true' };
  });
  return { storageClasses };
}

async function lookAtKubernetes(connection: ClusterConnection, limits: Limits): Promise<Found> {
  const body = await get<{ readonly gitVersion?: string }>(connection, '/version', limits, {});
  return body.gitVersion === undefined ? {} : { kubernetesVersion: body.gitVersion.slice(0, 60) };
}

async function lookAtTekton(connection: ClusterConnection, limits: Limits): Promise<Found> {
  const { version } = await tektonConfigMap(connection, 'pipelines-info', limits);
  return version === undefined ? {} : { tektonVersion: version.slice(0, 60) };
}

async function lookAtTektonFeatures(connection: ClusterConnection, limits: Limits): Promise<Found> {
  const data = await tektonConfigMap(connection, 'feature-flags', limits);
  const flags = Object.entries(data).filter(([name]) => !name.startsWith('_'));
  const tektonFeatures = Object.fromEntries(
    flags.slice(0, MOST_FLAGS).map(([name, value]) => [name, value.slice(0, 200)]),
  );
  return { tektonFeatures };
}

/** Data of a ConfigMap of Tekton's, in the first of its namespaces that has it. */
async function tektonConfigMap(
  connection: ClusterConnection,
  name: string,
  limits: Limits,
): Promise<Readonly<Record<string, string>>> {
  let first: unknown;
  for (const namespace of TEKTON_NAMESPACES) {
    try {
      const path = `/api/v1/namespaces/${namespace}/configmaps/${name}`;
      const body = await get<{ readonly data?: Readonly<Record<string, string>> }>(connection, path, limits, {});
      return body.data ?? {};
    } catch (error) {
      // That one of them did not answer does not mean that there is no Tekton.
      if (!isDomainError(error) || error.kind !== 'NotFound') throw error;
      first ??= error;
    }
  }
  throw first;
}

async function get<T>(
  connection: ClusterConnection,
  path: string,
  { timeoutMs, signal }: Limits,
  query: Readonly<Record<string, string | number | undefined>>,
): Promise<T> {
  const request = { requestClass: 'probe', method: 'GET', path, query, timeoutMs } as const;
  const { body } = await connection.request<T>({ ...request, ...(signal === undefined ? {} : { signal }) });
  return body;
}
