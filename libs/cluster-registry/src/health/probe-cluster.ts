import { type ClusterConnection, type PressureView, TABLE_ACCEPT } from '@image-factory/cluster-connectors';
import { isDomainError, type ProbeResult, type Reason } from '@image-factory/domain';

/** What one probe of a cluster saw, with the reason of each part that failed. */
export interface ClusterProbe extends ProbeResult {
  readonly failures: Readonly<
    Partial<Record<'version' | 'tekton' | 'nodes', { readonly reason: Reason; readonly message: string }>>
  >;
  readonly clusterUid: string | undefined;
  readonly kubernetesVersion: string | undefined;
  readonly nodes: number | undefined;
  /** Ready and not cordoned. */
  readonly schedulableNodes: number | undefined;
  readonly latencyMs: Readonly<Partial<Record<'version' | 'tekton' | 'nodes', number>>>;
  /** What this process asked of the cluster before the probe; undefined when there was no connection. */
  readonly pressure?: PressureView;
}

type Part = 'version' | 'tekton' | 'nodes';

interface NodeCount {
  readonly nodes: number;
  readonly ready: number;
  readonly schedulable: number;
}

/**
 * The guide's probes in its order: version, Tekton's list, nodes. A version that cannot be reached ends the probe. Never
 * throws; each part has its own time limit.
 */
export async function probeCluster(
  connection: ClusterConnection,
  options: { readonly tektonEnabled: boolean; readonly timeoutMs: number; readonly nowMs: () => number },
): Promise<ClusterProbe> {
  const failures: Partial<Record<Part, { reason: Reason; message: string }>> = {};
  const latencyMs: Partial<Record<Part, number>> = {};
  const { timeoutMs } = options;
  const attempt = async <T>(part: Part, work: () => Promise<T>): Promise<T | undefined> => {
    const startedMs = options.nowMs();
    try {
      const result = await work();
      latencyMs[part] = Math.round(options.nowMs() - startedMs);
      return result;
    } catch (error) {
      failures[part] = isDomainError(error)
        ? { reason: error.reason, message: error.message }
        : { reason: 'Internal', message: 'The probe failed in an unexpected way.' };
      return undefined;
    }
  };
  const version = await attempt('version', async () => {
    const { body } = await connection.request<{ gitVersion?: string }>({
      requestClass: 'probe',
      method: 'GET',
      path: '/version',
      timeoutMs,
    });
    return { gitVersion: body.gitVersion };
  });
  if (version === undefined) {
    return {
      versionReachable: false,
      tektonListed: undefined,
      nodesListed: undefined,
      readyNodes: undefined,
      failures,
      latencyMs,
      ...NOTHING,
    };
  }
  const [tekton, nodes, clusterUid] = await Promise.all([
    options.tektonEnabled ? attempt('tekton', () => listTekton(connection, timeoutMs)) : undefined,
    attempt('nodes', () => countNodes(connection, timeoutMs)),
    readClusterUid(connection, timeoutMs).catch(() => undefined),
  ]);
  return {
    versionReachable: true,
    tektonListed: tekton === true,
    nodesListed: nodes !== undefined,
    readyNodes: nodes?.ready,
    failures,
    latencyMs,
    clusterUid,
    kubernetesVersion: version.gitVersion,
    nodes: nodes?.nodes,
    schedulableNodes: nodes?.schedulable,
  };
}

const NOTHING = {
  clusterUid: undefined,
  kubernetesVersion: undefined,
  nodes: undefined,
  schedulableNodes: undefined,
} as const;

async function listTekton(connection: ClusterConnection, timeoutMs: number): Promise<true> {
  await connection.request({
    requestClass: 'probe',
    method: 'GET',
    path: '/apis/tekton.dev/v1/pipelineruns',
    query: { limit: 1 },
    timeoutMs,
  });
  return true;
}

/** uid of kube-system, which is the cluster's identity. */
export async function readClusterUid(connection: ClusterConnection, timeoutMs: number): Promise<string | undefined> {
  const { body } = await connection.request<{ metadata: { uid?: string } }>({
    requestClass: 'probe',
    method: 'GET',
    path: '/api/v1/namespaces/kube-system',
    timeoutMs,
  });
  return body.metadata.uid;
}

interface NodeTable {
  readonly kind: string;
  readonly metadata?: { readonly continue?: string };
  readonly columnDefinitions?: readonly { readonly name: string }[];
  readonly rows?: readonly { readonly cells: readonly unknown[] }[];
  readonly items?: readonly {
    readonly spec?: { readonly unschedulable?: boolean };
    readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  }[];
}

/** Counts nodes in Table form (whole Node objects carry all image names); whole objects where Tables are not served. */
export async function countNodes(connection: ClusterConnection, timeoutMs: number): Promise<NodeCount> {
  const texts: string[] = [];
  let token: string | undefined;
  do {
    const { body } = await connection.request<NodeTable>({
      requestClass: 'probe',
      method: 'GET',
      path: '/api/v1/nodes',
      query: { limit: 500, continue: token, includeObject: 'None' },
      accept: TABLE_ACCEPT,
      timeoutMs,
    });
    const column = body.columnDefinitions?.findIndex((one) => one.name === 'Status') ?? -1;
    for (const row of body.rows ?? []) texts.push(String(row.cells[column] ?? ''));
    for (const node of body.items ?? []) {
      const ready = node.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true;
      texts.push(`${ready ? 'Ready' : 'NotReady'}${node.spec?.unschedulable === true ? ',SchedulingDisabled' : ''}`);
    }
    token = body.metadata?.continue;
  } while (token !== undefined && token !== '');
  const ready = texts.filter((text) => text.split(',').includes('Ready'));
  const schedulable = ready.filter((text) => !text.split(',').includes('SchedulingDisabled'));
  return { nodes: texts.length, ready: ready.length, schedulable: schedulable.length };
}
