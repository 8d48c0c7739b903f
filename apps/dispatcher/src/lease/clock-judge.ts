import type { Clock } from '@image-factory/domain';

/** Database time may run ahead of our monotonic clock by this much between two looks. */
export const MAX_TIME_DRIFT_MS = 5_000;

/**
 * Who may act on the database's time (correctness rule 20). After an outage or a new primary, every lease and every
 * limit seems to have expired at once, so nobody adopts and no deadline fires until this process has held its own
 * lease for one full period over an undisturbed connection.
 *
 * Modes: unsettled (made, connection lost, identity changed, time jumped) → settled (a full lease period of
 * heartbeats) → unsettled again on the next disturbance, or when no heartbeat came for a whole period.
 */
export class ClockJudge {
  #heldSinceMs: number | undefined;
  #last: { readonly databaseMs: number; readonly monotonicMs: number } | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly leaseMs: number,
  ) {}

  /** A heartbeat failed, the connection was replaced, or the database is another one now. */
  disturbed(): void {
    this.#heldSinceMs = undefined;
  }

  /** A heartbeat succeeded, the registration among them: it was sent at `sentAtMs` (monotonic) and the database answered that it is `databaseNow`. */
  heartbeat(databaseNow: Date, sentAtMs: number): void {
    const databaseMs = databaseNow.getTime();
    const last = this.#last;
    const jumped =
      last !== undefined &&
      Math.abs(databaseMs - last.databaseMs - (this.clock.monotonicMs() - last.monotonicMs)) > MAX_TIME_DRIFT_MS;
    if (jumped) this.disturbed();
    this.#last = { databaseMs, monotonicMs: this.clock.monotonicMs() };
    this.#heldSinceMs ??= sentAtMs;
  }

  /** True when we may adopt what another owned, and fire deadlines. */
  isSettled(): boolean {
    if (this.#heldSinceMs === undefined || this.#last === undefined) return false;
    const now = this.clock.monotonicMs();
    return now - this.#heldSinceMs >= this.leaseMs && now - this.#last.monotonicMs <= this.leaseMs;
  }

  /**
   * The database's time now, carried forward by our monotonic clock since the last heartbeat; ms since the epoch.
   * @throws before the registration, which brings it: no wall clock may decide in its place
   */
  databaseNowMs(): number {
    if (this.#last === undefined) throw new Error('the database’s time is not known before the registration');
    return this.#last.databaseMs + (this.clock.monotonicMs() - this.#last.monotonicMs);
  }

  /**
   * How far the wall clock of this process is ahead of the database's time: what it measured by it is too long by that.
   * 0 before the registration.
   */
  wallAheadMs(): number {
    return this.#last === undefined ? 0 : this.clock.now().getTime() - this.databaseNowMs();
  }

  /** True when `limitMs` have passed since `since` by the database's time, and we are in a position to say so. */
  hasPassed(since: Date, limitMs: number): boolean {
    return this.isSettled() && this.databaseNowMs() - since.getTime() >= limitMs;
  }

  /** Milliseconds until `limitMs` have passed since `since`; 0 when they have. */
  remainingMs(since: Date, limitMs: number): number {
    return Math.max(0, since.getTime() + limitMs - this.databaseNowMs());
  }
}
