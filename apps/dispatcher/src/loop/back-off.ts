export interface BackOffOptions {
  readonly baseMs: number;
  readonly capMs: number;
}

/** Milliseconds after so many tries: uniform between half of a ceiling that doubles and all of it. `random` is in [0, 1). */
export function backOffMs(attempt: number, options: BackOffOptions, random: number = Math.random()): number {
  const ceiling = Math.min(options.capMs, options.baseMs * 2 ** Math.min(attempt, 20));
  return Math.round(ceiling / 2 + (ceiling / 2) * random);
}

/** `ms` with ±`share` of it, so that replicas do not march in step. */
export function withJitter(ms: number, share: number, random: number = Math.random()): number {
  return Math.max(1, Math.round(ms * (1 - share + 2 * share * random)));
}
