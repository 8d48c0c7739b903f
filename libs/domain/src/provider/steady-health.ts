import type { ProviderHealth } from './provider.js';

/** A verdict with what decides whether a degraded cluster may still be used. */
export interface HealthLevel {
  readonly verdict: ProviderHealth;
  readonly tektonAnswers: boolean;
}

/** What is shown of a cluster, and how many probes in a row have contradicted it. */
export interface SteadyHealth extends HealthLevel {
  /** Above 0: so many in a row were worse; below 0: so many were better; 0: the last one agreed. */
  readonly streak: number;
}

/** Probes in a row that must agree before another verdict is shown. */
export const HEALTH_CONFIRMATIONS = 2;

/**
 * What is shown after a probe: one that contradicts what is shown is only counted, the second in a row on the same side
 * is believed, so that one lost probe changes nothing. A cluster of which nothing is known shows what it is seen as.
 */
export function steadyHealth(
  shown: SteadyHealth,
  seen: HealthLevel,
  confirmations: number = HEALTH_CONFIRMATIONS,
): SteadyHealth {
  if (shown.verdict === 'unknown') return { ...seen, streak: 0 };
  const side = Math.sign(rank(seen) - rank(shown));
  if (side === 0) return { ...seen, streak: 0 };
  const before = Math.sign(shown.streak) === side ? Math.abs(shown.streak) : 0;
  if (before + 1 >= confirmations) return { ...seen, streak: 0 };
  return { ...shown, streak: side * (before + 1) };
}

/** Higher is worse; a degraded cluster without Tekton takes no builds. */
function rank({ verdict, tektonAnswers }: HealthLevel): number {
  if (verdict === 'healthy') return 0;
  if (verdict === 'degraded') return tektonAnswers ? 1 : 2;
  return 3;
}
