import type { ClusterConnection } from '@image-factory/cluster-connectors';
import type { Provider } from '@image-factory/domain';
import { countNodes } from '../health/count-nodes.js';
import { isTooOld, type KubernetesVersion, LEAST_MINOR } from '../health/kubernetes-version.js';
import { SLOW_MS } from '../health/probe-conditions.js';

/** What a check found; its name and duration are added by the runner. */
export interface Finding {
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly reason: string;
  readonly message: string;
  readonly fix: string;
}

export interface CheckContext {
  readonly connection: ClusterConnection;
  readonly provider: Provider;
  readonly timeoutMs: number;
  /** Permissions that the identity lacks. */
  readonly missing: () => Promise<string[]>;
  /** Milliseconds since this check began. */
  readonly elapsedMs: () => number;
}

export interface ClusterCheck {
  readonly name: string;
  /** Skipped when that check failed or was skipped. */
  readonly needs?: string;
  /** What to do when the check ends with an error of the cluster. */
  readonly fix: string;
  readonly run: (context: CheckContext) => Promise<Finding>;
}

const LATENCY_FIX = 'Look at the network to the API server and at its load.';
const API_FIX = 'Check endpoint, CA and network path; POST …/test-connection shows the step that fails.';
const TEKTON_FIX =
  'Install Tekton Pipelines (v1 API, release v0.50 or newer) and grant list on pipelineruns.tekton.dev.';
const STORAGE_FIX = 'Mark a StorageClass as the cluster’s default, or set storage_class in the provider’s config.';
const RBAC_FIX = 'Apply the RBAC rules of deploy/ for target clusters and bind them to this identity.';
const NODES_FIX = 'Add a node, or make one Ready (kubectl get nodes), and grant list on nodes.';

/** The checks of a reachable provider, in the order in which to fix them. */
export const CLUSTER_CHECKS: readonly ClusterCheck[] = [
  { name: 'kubernetes_api', fix: API_FIX, run: kubernetesApi },
  {
    name: 'kubernetes_api_latency',
    needs: 'kubernetes_api',
    fix: LATENCY_FIX,
    run: (context) => latency(context, '/version'),
  },
  { name: 'tekton_api', needs: 'kubernetes_api', fix: TEKTON_FIX, run: tektonApi },
  {
    name: 'tekton_api_latency',
    needs: 'tekton_api',
    fix: LATENCY_FIX,
    run: (context) => latency(context, TEKTON_PATH),
  },
  { name: 'storage', needs: 'kubernetes_api', fix: STORAGE_FIX, run: storage },
  { name: 'namespace_permissions', needs: 'kubernetes_api', fix: RBAC_FIX, run: permissions },
  { name: 'cluster_capacity', needs: 'kubernetes_api', fix: NODES_FIX, run: capacity },
];

const TEKTON_PATH = '/apis/tekton.dev/v1/pipelineruns';

async function kubernetesApi({ connection, timeoutMs }: CheckContext): Promise<Finding> {
  const { body } = await connection.request<KubernetesVersion>({
    requestClass: 'probe',
    method: 'GET',
    path: '/version',
    timeoutMs,
  });
  const message = `Kubernetes ${body.gitVersion ?? 'of unknown version'} answers.`;
  if (isTooOld(body)) {
    return {
      status: 'warning',
      reason: 'VersionTooOld',
      message,
      fix: `Upgrade the cluster to 1.${LEAST_MINOR} or newer.`,
    };
  }
  return { status: 'ok', reason: 'VersionAnswered', message, fix: '' };
}

async function latency({ connection, timeoutMs, elapsedMs }: CheckContext, path: string): Promise<Finding> {
  await connection.request({
    requestClass: 'probe',
    method: 'GET',
    path,
    query: path === TEKTON_PATH ? { limit: 1 } : {},
    timeoutMs,
  });
  const ms = elapsedMs();
  const message = `One request takes ${ms} ms.`;
  return ms > SLOW_MS
    ? { status: 'warning', reason: 'Slow', message, fix: LATENCY_FIX }
    : { status: 'ok', reason: 'Fast', message, fix: '' };
}

async function tektonApi({ connection, timeoutMs }: CheckContext): Promise<Finding> {
  await connection.request({ requestClass: 'probe', method: 'GET', path: TEKTON_PATH, query: { limit: 1 }, timeoutMs });
  return { status: 'ok', reason: 'PipelineRunsListed', message: 'tekton.dev/v1 PipelineRuns can be listed.', fix: '' };
}

interface StorageClassList {
  readonly items?: readonly {
    readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  }[];
}

async function storage({ connection, provider, timeoutMs }: CheckContext): Promise<Finding> {
  const { body } = await connection.request<StorageClassList>({
    requestClass: 'probe',
    method: 'GET',
    path: '/apis/storage.k8s.io/v1/storageclasses',
    timeoutMs,
  });
  const classes = body.items ?? [];
  const wanted = provider.settings.storageClass;
  const isDefault = (one: (typeof classes)[number]): boolean =>
    one.metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true';
  const found = wanted === undefined ? classes.find(isDefault) : classes.find((one) => one.metadata.name === wanted);
  if (found !== undefined) {
    return {
      status: 'ok',
      reason: 'StorageClassFound',
      message: `Workspaces use the StorageClass ${found.metadata.name}.`,
      fix: '',
    };
  }
  const message =
    wanted === undefined ? 'The cluster has no default StorageClass.' : `The StorageClass ${wanted} does not exist.`;
  return { status: 'failed', reason: 'StorageClassMissing', message, fix: STORAGE_FIX };
}

async function permissions({ missing }: CheckContext): Promise<Finding> {
  const lacking = await missing();
  if (lacking.length === 0)
    return { status: 'ok', reason: 'AccessGranted', message: 'Every permission that builds need is granted.', fix: '' };
  return {
    status: 'failed',
    reason: 'ClusterForbidden',
    message: `The identity lacks: ${lacking.join(', ')}.`,
    fix: RBAC_FIX,
  };
}

async function capacity({ connection, timeoutMs }: CheckContext): Promise<Finding> {
  const count = await countNodes(connection, timeoutMs);
  const message = `${count.ready} of ${count.nodes} nodes are Ready, ${count.schedulable} of them take new pods.`;
  if (count.schedulable > 0) return { status: 'ok', reason: 'NodesReady', message, fix: '' };
  return { status: 'failed', reason: count.ready === 0 ? 'NoReadyNode' : 'AllNodesCordoned', message, fix: NODES_FIX };
}
