import { type ClusterConnection, missingAccess } from '@image-factory/cluster-connectors';
import { isDomainError } from '@image-factory/domain';
import { failureOf, timeLeftMs, type ProbeFailure, type ProbeTime } from './probe-part.js';

/** What the slow questions found; a failure where one was not answered. */
export interface ClusterDetail {
  /** Permissions that the identity lacks, as `create secrets`. */
  readonly missingAccess: readonly string[] | ProbeFailure;
  /** `answers`: an admission chain took a run that is not stored. */
  readonly admission: 'answers' | ProbeFailure;
  readonly disks: DiskCount | ProbeFailure;
}

export interface DiskCount {
  /** Nodes that were looked at. */
  readonly nodes: number;
  readonly underPressure: number;
}

export interface DetailOptions extends ProbeTime {
  readonly installTasks: boolean;
  readonly tektonListed: boolean;
}

/** Nodes that are read whole: a node object is some 20 kB. */
const MOST_NODES = 200;
const PAGE = 50;

/** Asks what is too much for each probe: some thirty reviews, a run that is not stored, nodes as whole objects. Never throws. */
export async function probeDetail(connection: ClusterConnection, options: DetailOptions): Promise<ClusterDetail> {
  const [access, admission, disks] = await Promise.all([
    missingAccess(connection, { installTasks: options.installTasks, timeoutMs: timeLeftMs(options) }).catch(failureOf),
    options.tektonListed ? askAdmission(connection, options) : NO_TEKTON,
    countDisks(connection, options).catch(failureOf),
  ]);
  return { missingAccess: access, admission, disks };
}

const NO_TEKTON: ProbeFailure = {
  reason: 'TektonNotInstalled',
  message: 'Without Tekton there is no admission of runs to ask.',
};

/**
 * Creates a run with `dryRun=All`: admission webhooks are called and nothing is stored. A refusal on the merits is an
 * answer too: a policy may well forbid runs in that namespace.
 */
async function askAdmission(connection: ClusterConnection, time: ProbeTime): Promise<'answers' | ProbeFailure> {
  const request = {
    requestClass: 'probe',
    method: 'POST',
    path: '/apis/tekton.dev/v1/namespaces/default/pipelineruns',
    query: { dryRun: 'All' },
    body: DRY_RUN,
    timeoutMs: timeLeftMs(time),
  } as const;
  try {
    await connection.request(request);
    return 'answers';
  } catch (error) {
    const refused =
      isDomainError(error) && ['AdmissionDenied', 'ObjectInvalid', 'QuotaExceeded'].includes(error.reason);
    return refused ? 'answers' : failureOf(error);
  }
}

const DRY_RUN = {
  apiVersion: 'tekton.dev/v1',
  kind: 'PipelineRun',
  metadata: { generateName: 'image-factory-probe-', labels: { app: 'image-factory' } },
  spec: { pipelineSpec: { tasks: [{ name: 'probe', taskRef: { name: 'git-clone' } }] } },
} as const;

interface NodePage {
  readonly metadata?: { readonly continue?: string };
  readonly items?: readonly {
    readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  }[];
}

async function countDisks(connection: ClusterConnection, time: ProbeTime): Promise<DiskCount> {
  let nodes = 0;
  let underPressure = 0;
  let token: string | undefined;
  do {
    const { body } = await connection.request<NodePage>({
      requestClass: 'probe',
      method: 'GET',
      path: '/api/v1/nodes',
      query: { limit: PAGE, continue: token },
      timeoutMs: timeLeftMs(time),
    });
    for (const { status } of body.items ?? []) {
      nodes += 1;
      if (status?.conditions?.some((one) => one.type === 'DiskPressure' && one.status === 'True') === true)
        underPressure += 1;
    }
    token = body.metadata?.continue;
  } while (token !== undefined && token !== '' && nodes < MOST_NODES);
  return { nodes, underPressure };
}
