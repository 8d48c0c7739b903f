import type { FailureClass } from './failure-class.js';

export interface RetryPolicy {
  /** Attempts that may end with this class, the first included. 1: never repeated. */
  readonly attempts: number;
  /** Ceiling of the first wait and of all, in milliseconds. */
  readonly backOff: { readonly baseMs: number; readonly capMs: number };
  /** The next placement passes the provider over that ended so, when another one is eligible. */
  readonly elsewhere: boolean;
  /** The next attempt needs more of what ran out; without more it is not made. */
  readonly escalates: boolean;
}

export interface RetryLimits {
  /** Attempts of one build over all classes, the first included. */
  readonly maxAttempts: number;
  /** From the claim of the first attempt to the start of the last one, in milliseconds. */
  readonly maxTotalMs: number;
  readonly policies: Readonly<Record<FailureClass, RetryPolicy>>;
}

const MINUTE_MS = 60_000;
const NONE = { baseMs: 0, capMs: 0 };

/** The table class → policy. Attempts and totals can be configured; the rest is the meaning of the class. */
export const RETRY_DEFAULTS: RetryLimits = {
  maxAttempts: 8,
  maxTotalMs: 6 * 60 * MINUTE_MS,
  policies: {
    user: { attempts: 1, backOff: NONE, elsewhere: false, escalates: false },
    resource: { attempts: 4, backOff: NONE, elsewhere: false, escalates: true },
    disruption: { attempts: 5, backOff: { baseMs: 2_000, capMs: MINUTE_MS }, elsewhere: true, escalates: false },
    registry: {
      attempts: 6,
      backOff: { baseMs: 15_000, capMs: 10 * MINUTE_MS },
      elsewhere: false,
      escalates: false,
    },
    cluster: { attempts: 5, backOff: { baseMs: 5_000, capMs: 5 * MINUTE_MS }, elsewhere: true, escalates: false },
    platform: { attempts: 3, backOff: { baseMs: 5_000, capMs: 5 * MINUTE_MS }, elsewhere: true, escalates: false },
    unknown: { attempts: 2, backOff: { baseMs: 10_000, capMs: 5 * MINUTE_MS }, elsewhere: true, escalates: false },
  },
};

/** Classes whose number of attempts can be configured: what a user caused is never repeated. */
export const RETRIED_CLASSES = [
  'resource',
  'disruption',
  'registry',
  'cluster',
  'platform',
  'unknown',
] as const satisfies readonly FailureClass[];
export type RetriedClass = (typeof RETRIED_CLASSES)[number];

/** The limits with other numbers of attempts for some classes. */
export function withClassAttempts(
  limits: RetryLimits,
  attempts: Readonly<Partial<Record<RetriedClass, number>>>,
): RetryLimits {
  const policies = { ...limits.policies };
  for (const name of RETRIED_CLASSES) {
    policies[name] = { ...policies[name], attempts: attempts[name] ?? policies[name].attempts };
  }
  return { ...limits, policies };
}

/**
 * Wait before the next attempt, in milliseconds: full jitter, uniform from zero to a ceiling that doubles with each end
 * of this class (`ended` counts them, this one included). `random` is in [0, 1).
 */
export function retryDelayMs(policy: RetryPolicy, ended: number, random: number): number {
  const { baseMs, capMs } = policy.backOff;
  const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(30, Math.max(0, ended - 1)));
  return Math.floor(ceiling * random);
}
