/** Time as the rules see it. Leases and deadlines in SQL use the database's `now()`, never this. */
export abstract class Clock {
  /** Wall clock. */
  abstract now(): Date;
  /** Milliseconds that only move forward; for durations. */
  abstract monotonicMs(): number;
  /** Resolves after `ms`, or rejects with the signal's reason when aborted. */
  abstract sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
