import type { Condition } from './condition.js';
import type { ProviderHealth } from './provider.js';

/** What one round of probes saw; undefined for a probe that was not reached. */
export interface ProbeResult {
  readonly versionReachable: boolean;
  readonly tektonListed: boolean | undefined;
  readonly nodesListed: boolean | undefined;
  readonly readyNodes: number | undefined;
}

/**
 * Conditions that make a cluster degraded while they are False: it answers, and something that builds need is amiss.
 * Those that the guide's own rules judge (Reachable, TektonAvailable) are not among them, nor what one dispatcher alone
 * sees (RequestsAccepted). WatchFresh is judged where it is read, because it changes between probes.
 */
export const DEGRADING_CONDITIONS = [
  'Schedulable',
  'ApiResponsive',
  'CredentialValid',
  'FinishedRunsSwept',
  'VersionSupported',
  'PermissionsGranted',
  'AdmissionAnswers',
  'DiskAvailable',
] as const;

/**
 * The verdict of the connectivity guide, in its order: API server version unreachable → unhealthy; Tekton list fails
 * → degraded; node list fails → degraded; no Ready node → unhealthy; else healthy.
 */
export function healthVerdict(probe: ProbeResult): ProviderHealth {
  if (!probe.versionReachable) return 'unhealthy';
  if (probe.tektonListed !== true) return 'degraded';
  if (probe.nodesListed !== true) return 'degraded';
  return (probe.readyNodes ?? 0) > 0 ? 'healthy' : 'unhealthy';
}

/** The worse of the guide's verdict and of what the Conditions say (product.md, "cluster health"). */
export function clusterHealth(
  probe: ProbeResult,
  conditions: readonly Pick<Condition, 'type' | 'status'>[],
): ProviderHealth {
  const amiss = conditions.some(
    ({ type, status }) => status === 'False' && (DEGRADING_CONDITIONS as readonly string[]).includes(type),
  );
  return worseHealth(healthVerdict(probe), amiss ? 'degraded' : 'healthy');
}

/** In the order in which they explain a verdict: what hides the others first. */
const EXPLAINING = ['Reachable', 'TektonAvailable', 'Schedulable', 'WatchFresh', ...DEGRADING_CONDITIONS];

/** The Condition that explains why a cluster is not healthy; undefined when none does. */
export function explainingCondition(conditions: readonly Condition[]): Condition | undefined {
  for (const status of ['False', 'Unknown'] as const) {
    for (const type of EXPLAINING) {
      const found = conditions.find((one) => one.type === type && one.status === status);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

const SEVERITY: Readonly<Record<ProviderHealth, number>> = { healthy: 0, degraded: 1, unknown: 2, unhealthy: 3 };

/** The worse of two verdicts. */
export function worseHealth(a: ProviderHealth, b: ProviderHealth): ProviderHealth {
  return SEVERITY[a] >= SEVERITY[b] ? a : b;
}
