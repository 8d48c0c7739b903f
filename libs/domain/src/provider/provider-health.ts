import type { ProviderHealth } from './provider.js';

/** What one round of probes saw; undefined for a probe that was not reached. */
export interface ProbeResult {
  readonly versionReachable: boolean;
  readonly tektonListed: boolean | undefined;
  readonly nodesListed: boolean | undefined;
  readonly readyNodes: number | undefined;
}

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

const SEVERITY: Readonly<Record<ProviderHealth, number>> = { healthy: 0, degraded: 1, unknown: 2, unhealthy: 3 };

/** The worse of two verdicts. */
export function worseHealth(a: ProviderHealth, b: ProviderHealth): ProviderHealth {
  return SEVERITY[a] >= SEVERITY[b] ? a : b;
}
