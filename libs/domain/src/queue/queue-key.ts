/** One step of priority is worth this much waiting, in milliseconds. */
export const PRIORITY_STEP_MS = 5 * 60_000;

/**
 * The static ageing key: smaller is sooner. `enqueued - priority * step` orders builds as "priority plus age" does at
 * every instant, so nothing has to be re-sorted and nothing starves (queue.md §3).
 */
export function queueKey(enqueuedAtMs: number, priority: number, stepMs: number = PRIORITY_STEP_MS): number {
  return enqueuedAtMs - priority * stepMs;
}

/** Why a queued build is not in the claim order, and what puts it back (correctness rule 9). */
export interface Parking {
  readonly reason: ParkReason;
  readonly message: string;
  /** Absolute time; undefined: only the event wakes it. */
  readonly wakeAt?: Date;
  /** Event key such as `provider:<id>`, `provider:any`, `project:<id>`, `key:<project>:<key>`; undefined: only the time wakes it. */
  readonly wakeOn?: string;
}

export const PARK_REASONS = [
  'NoEligibleProvider',
  'BackOff',
  'RegistryHeld',
  'NotBefore',
  'DispatchPaused',
  'ProjectAtLimit',
  'ConcurrencyKeyBusy',
] as const;
export type ParkReason = (typeof PARK_REASONS)[number];
