import type { ClusterConnection, CredentialExpiry, PressureView } from '@image-factory/cluster-connectors';
import { DomainError, isDomainError, type ProbeResult } from '@image-factory/domain';
import { countNodes } from './count-nodes.js';
import { isTooOld, type KubernetesVersion } from './kubernetes-version.js';
import type { ClusterDetail } from './probe-detail.js';
import { failureOf, timeLeftMs, type ProbeFailure, type ProbeTime } from './probe-part.js';

export type ProbePart = 'version' | 'tekton' | 'nodes';

/** What one probe of a cluster saw, with the reason of each part that failed. */
export interface ClusterProbe extends ProbeResult {
  readonly failures: Readonly<Partial<Record<ProbePart, ProbeFailure>>>;
  readonly clusterUid: string | undefined;
  readonly kubernetesVersion: string | undefined;
  /** Older than what Tekton's v1 API runs on. */
  readonly versionTooOld: boolean;
  readonly nodes: number | undefined;
  /** Ready and not cordoned. */
  readonly schedulableNodes: number | undefined;
  readonly latencyMs: Readonly<Partial<Record<ProbePart, number>>>;
  readonly credentialExpiry: CredentialExpiry | undefined;
  /** What this process asked of the cluster before the probe; undefined when there was no connection. */
  readonly pressure?: PressureView;
  /** The slow questions, when they were asked. */
  readonly detail?: ClusterDetail;
}

/**
 * The guide's probes in its order: version, Tekton's list, nodes; all within one time limit, as the guide has it. A
 * version that cannot be reached ends the probe. Never throws.
 */
export async function probeCluster(
  connection: ClusterConnection,
  options: ProbeTime & { readonly tektonEnabled: boolean },
): Promise<ClusterProbe> {
  const failures: Partial<Record<ProbePart, ProbeFailure>> = {};
  const latencyMs: Partial<Record<ProbePart, number>> = {};
  const attempt = async <T>(part: ProbePart, work: (timeoutMs: number) => Promise<T>): Promise<T | undefined> => {
    const startedMs = options.nowMs();
    try {
      const result = await work(timeLeftMs(options));
      latencyMs[part] = Math.round(options.nowMs() - startedMs);
      return result;
    } catch (error) {
      failures[part] = failureOf(error);
      return undefined;
    }
  };
  const expiry = connection.credentialExpiry();
  const version = await attempt('version', async (timeoutMs) => {
    const { body } = await connection.request<KubernetesVersion | string>({ ...PROBE, path: '/version', timeoutMs });
    if (typeof body === 'string' || typeof body.gitVersion !== 'string') throw notKubernetes();
    return body;
  });
  if (version === undefined) return { ...unreached(failures), credentialExpiry: await expiry };
  const [tekton, nodes, clusterUid] = await Promise.all([
    options.tektonEnabled ? attempt('tekton', (timeoutMs) => listTekton(connection, timeoutMs)) : undefined,
    attempt('nodes', (timeoutMs) => countNodes(connection, timeoutMs)),
    readClusterUid(connection, timeLeftMs(options)).catch(() => undefined),
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
    versionTooOld: isTooOld(version),
    nodes: nodes?.nodes,
    schedulableNodes: nodes?.schedulable,
    credentialExpiry: await expiry,
  };
}

/** A probe that ended before the version was known. */
export function unreached(failures: ClusterProbe['failures']): ClusterProbe {
  return {
    versionReachable: false,
    tektonListed: undefined,
    nodesListed: undefined,
    readyNodes: undefined,
    failures,
    latencyMs: {},
    clusterUid: undefined,
    kubernetesVersion: undefined,
    versionTooOld: false,
    nodes: undefined,
    schedulableNodes: undefined,
    credentialExpiry: undefined,
  };
}

const PROBE = { requestClass: 'probe', method: 'GET' } as const;

async function listTekton(connection: ClusterConnection, timeoutMs: number): Promise<true> {
  const request = { ...PROBE, path: '/apis/tekton.dev/v1/pipelineruns', query: { limit: 1 }, timeoutMs };
  try {
    await connection.request(request);
    return true;
  } catch (error) {
    if (!isDomainError(error) || error.reason !== 'TektonNotInstalled') throw error;
    throw (await servesOtherTekton(connection, timeoutMs)) ? tektonTooOld(error) : error;
  }
}

/** A proxy's login page, say: it answers, and it is no API server. */
function notKubernetes(): DomainError {
  const message = 'The answer to GET /version is none of the Kubernetes API: something else stands at the endpoint.';
  return new DomainError({ kind: 'Unavailable', reason: 'ClusterUnavailable', message, fault: 'cluster' });
}

interface ApiGroup {
  readonly versions?: readonly { readonly version: string }[];
}

/** Tekton is there, and the version that we speak is not. */
async function servesOtherTekton(connection: ClusterConnection, timeoutMs: number): Promise<boolean> {
  try {
    const { body } = await connection.request<ApiGroup>({ ...PROBE, path: '/apis/tekton.dev', timeoutMs });
    return !(body.versions ?? []).some(({ version }) => version === 'v1');
  } catch (error) {
    if (isDomainError(error)) return false;
    throw error;
  }
}

function tektonTooOld({ details }: DomainError): DomainError {
  const message = 'Tekton Pipelines is installed and serves no tekton.dev/v1: it is too old. Install v0.50 or newer.';
  return new DomainError({ kind: 'NotFound', reason: 'TektonTooOld', message, fault: 'cluster', details });
}

/** uid of kube-system, which is the cluster's identity. */
export async function readClusterUid(connection: ClusterConnection, timeoutMs: number): Promise<string | undefined> {
  const request = { ...PROBE, path: '/api/v1/namespaces/kube-system', timeoutMs };
  const { body } = await connection.request<{ metadata: { uid?: string } }>(request);
  return body.metadata.uid;
}
