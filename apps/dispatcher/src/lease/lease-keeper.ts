import { DomainError } from '@image-factory/domain';
import {
  isLaterTimeline,
  type DatabaseIdentity,
  type PostgresDatabaseTrust,
  type PostgresLeases,
} from '@image-factory/persistence';
import type { Logger } from '@image-factory/telemetry';
import { v7 as uuidv7 } from 'uuid';
import type { ClockJudge } from './clock-judge.js';
import type { DatabaseClock } from './database-clock.js';
import { SelfFence } from './self-fence.js';

/** What the heartbeat carries to the others. */
export interface DispatcherReport {
  readonly slotsUsed: number;
  readonly metrics: Readonly<Record<string, unknown>>;
  readonly unreachableProviders: readonly string[];
  /** It drains: the others stop counting on it. */
  readonly stopping: boolean;
}

export interface LeaseKeeperOptions {
  readonly host: string;
  readonly version: string;
  readonly slots: number;
  readonly leaseMs: number;
  readonly report: () => DispatcherReport;
  /** Everything that was owned under the old id is somebody else's now: drop it, write nothing. */
  readonly onLapse: (lapsedId: string) => void;
}

export type Beat =
  | { readonly kind: 'registered'; readonly dispatcherId: string }
  | { readonly kind: 'renewed'; readonly dispatcherId: string; readonly paused: boolean };

/**
 * This process's lease: one row, one heartbeat for all that it owns.
 *
 * Modes: unregistered (no id) → held (registered; heartbeats renew it) → fenced (no renewal within the lease less its
 * margin: `mayWrite` is false, nothing is dropped yet) → held again by a late renewal, or lapsed (the database says that
 * the lease had ended, or its clock went back and cannot say so): everything owned is dropped, and the next beat registers under a new id, so that no row of the
 * old one can be taken for ours.
 */
export class LeaseKeeper {
  readonly #fence: SelfFence;
  #id: string | undefined;
  /** The database's time at the last renewal. */
  #renewedAt: Date | undefined;
  #identity: DatabaseIdentity | undefined;
  #claimsHeld = true;
  #paused = false;

  constructor(
    private readonly leases: PostgresLeases,
    private readonly trust: PostgresDatabaseTrust,
    private readonly judge: ClockJudge,
    private readonly options: LeaseKeeperOptions,
    clock: DatabaseClock,
    private readonly logger: Logger,
  ) {
    this.#fence = new SelfFence(clock.machine, options.leaseMs);
  }

  get dispatcherId(): string | undefined {
    return this.#id;
  }

  /** Asked before each single cluster write and each batch to the database (rule 3). */
  readonly mayWrite = (): boolean => this.#id !== undefined && this.#fence.mayWrite();

  get isPaused(): boolean {
    return this.#paused;
  }

  /** Claims wait until the clusters were compared with a database that may have lost commits (rule 4). */
  get claimsHeld(): boolean {
    return this.#claimsHeld;
  }

  /** Which database answered last. */
  get databaseIdentity(): string | undefined {
    return this.#identity?.identity;
  }

  /** One heartbeat. @throws when the database cannot be asked; the judge then starts over. */
  async beat(): Promise<Beat> {
    try {
      await this.#checkIdentity();
      return this.#id === undefined ? await this.#register() : await this.#renew(this.#id);
    } catch (error) {
      this.judge.disturbed();
      throw error;
    }
  }

  /** Frees the shards at once, so that others need not wait for the lease to end. */
  async deregister(): Promise<void> {
    const id = this.#id;
    this.#id = undefined;
    this.#fence.lapse();
    if (id !== undefined) await this.leases.deregister(id);
  }

  /** Forgets the lease as a crash would: no write. */
  abandon(): void {
    this.#id = undefined;
    this.#fence.lapse();
  }

  async #register(): Promise<Beat> {
    const id = uuidv7();
    const sentAt = this.#fence.reading();
    const { host, version, slots, leaseMs } = this.options;
    this.#renewedAt = await this.leases.register({ id, host, version, slots, leaseMs });
    this.judge.registered(this.#renewedAt);
    this.#id = id;
    this.#fence.renewed(sentAt);
    this.logger.info('dispatcher registered', { dispatcherId: id, host, slots });
    return { kind: 'registered', dispatcherId: id };
  }

  async #renew(id: string): Promise<Beat> {
    const sentAt = this.#fence.reading();
    const beat = await this.leases.heartbeat({ id, leaseMs: this.options.leaseMs, ...this.options.report() });
    if (!beat.alive || this.#isDoubtful(beat.databaseNow)) {
      this.#fence.lapse();
      this.#id = undefined;
      this.judge.disturbed();
      this.logger.warn('the lease had lapsed; everything owned is dropped and a new one is taken', {
        dispatcherId: id,
      });
      this.options.onLapse(id);
      return this.#register();
    }
    if (this.#id !== id) {
      throw new DomainError({ kind: 'Conflict', reason: 'LeaseLost', message: 'the lease was given up meanwhile' });
    }
    this.#fence.renewed(sentAt);
    this.#renewedAt = beat.databaseNow;
    this.#paused = beat.paused;
    this.judge.heartbeat(beat.databaseNow, sentAt.monotonicMs);
    return { kind: 'renewed', dispatcherId: id, paused: beat.paused };
  }

  /** The clock has gone back behind the last renewal: by it the lease holds for long, others have seen it end (`hasLease`). */
  #isDoubtful(databaseNow: Date): boolean {
    return this.#renewedAt !== undefined && databaseNow < this.#renewedAt && !this.#fence.mayWrite();
  }

  async #checkIdentity(): Promise<void> {
    const known = this.#identity;
    const found = await this.trust.look();
    const changed = known !== undefined && known.identity !== found.identity;
    if (changed || (known !== undefined && known.startedAt !== found.startedAt)) this.judge.disturbed();
    const doubted = changed && !isTrustEarned(known, found);
    if (doubted && found.isTrusted) await this.trust.distrust(found.identity);
    const held = doubted || !found.isTrusted;
    this.#identity = found;
    if (held && (doubted || !this.#claimsHeld || known === undefined)) {
      const message = 'the database is another one or an older one: no claims until the clusters are compared with it';
      this.logger.error(message, { before: known?.identity, now: found.identity });
    } else if (!held && this.#claimsHeld && known !== undefined) {
      this.logger.info('the clusters were compared with the database; claims go on', { now: found.identity });
    }
    this.#claimsHeld = held;
  }
}

/** Others have compared the clusters with it while this process was away; after a way back nothing compared counts. */
function isTrustEarned(known: DatabaseIdentity, found: DatabaseIdentity): boolean {
  return found.isTrusted && !found.isFirst && isLaterTimeline(known.identity, found.identity);
}
