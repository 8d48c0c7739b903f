import { MAX_TIME_DRIFT_MS } from '@image-factory/persistence';
import type { DatabaseClock } from './database-clock.js';

/**
 * Who may act on the database's time (correctness rule 20). After an outage or a new primary, every lease and every
 * limit seems to have expired at once, so nobody adopts and no deadline fires until this process has held its own
 * lease for one full period over an undisturbed connection. A jump between two heartbeats is met where it counts: what
 * acts on the database's time compares it with ours in its own statement (`judgedAt`), and each row that is judged says when
 * it was read (`read`).
 *
 * Modes: unsettled (made, connection lost, identity changed, time jumped) → settled (a full lease period of
 * heartbeats) → unsettled again on the next disturbance, or when no heartbeat came for a whole period.
 */
export class ClockJudge {
  #heldSinceMs: number | undefined;
  #lastBeatMs = 0;

  constructor(
    private readonly clock: DatabaseClock,
    private readonly leaseMs: number,
  ) {}

  /** A heartbeat failed, the connection was replaced, or the database is another one now. */
  disturbed(): void {
    this.#heldSinceMs = undefined;
  }

  /** A new lease was taken, and the database answered that it is `databaseNow`: from here on its time is known. */
  registered(databaseNow: Date): void {
    this.clock.heard(databaseNow);
  }

  /** A heartbeat succeeded: it was sent at `sentAtMs` (monotonic) and the database answered that it is `databaseNow`. */
  heartbeat(databaseNow: Date, sentAtMs: number): void {
    if (Math.abs(this.clock.heard(databaseNow)) > MAX_TIME_DRIFT_MS) this.disturbed();
    this.#lastBeatMs = this.clock.monotonicMs();
    this.#heldSinceMs ??= sentAtMs;
  }

  /** A row was read, which was asked for at `askedAtMs` by the database's time as known here, and is as of `readAt`. */
  read(readAt: Date, askedAtMs: number): void {
    const ms = readAt.getTime();
    if (ms < askedAtMs - MAX_TIME_DRIFT_MS || ms > this.databaseNowMs() + MAX_TIME_DRIFT_MS) this.disturbed();
  }

  /** True when we may adopt what another owned, and fire deadlines. */
  isSettled(): boolean {
    if (this.#heldSinceMs === undefined) return false;
    const now = this.clock.monotonicMs();
    return now - this.#heldSinceMs >= this.leaseMs && now - this.#lastBeatMs <= this.leaseMs;
  }

  /** The database's time now, for a statement that acts only if it is right; undefined while we may not judge. */
  judgedAt(): Date | undefined {
    return this.isSettled() ? this.clock.now() : undefined;
  }

  /** The database's time now, ms since the epoch. */
  databaseNowMs(): number {
    return this.clock.now().getTime();
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
