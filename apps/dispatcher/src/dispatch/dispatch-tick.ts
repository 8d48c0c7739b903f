import type { ClaimedExecution, PostgresBuildQueue, PostgresOwnership } from '@image-factory/persistence';
import type { Logger, Metrics } from '@image-factory/telemetry';
import type { PlaceBuild } from './place-build.js';
import type { PlacementOutcome, TickOutcome } from './placement-outcome.js';

export interface DispatchTickOptions {
  readonly slots: number;
  /** Most builds that one claim takes. */
  readonly batchSize: number;
  /** Most placements under way at once. */
  readonly maxPlacing: number;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

/** What the tick asks of the process around it. */
export interface DispatchGuards {
  readonly dispatcherId: () => string | undefined;
  /** False while the lease may have ended, the process stops, or the database is not trusted. */
  readonly mayClaim: () => boolean;
  readonly isPaused: () => boolean;
  /** Slots of executions that are placed and followed here. */
  readonly slotsFollowed: () => number;
  /** A placement is over: a slot may be free, and the shard's owner may be this process. */
  readonly onPlaced: (executionId: string, outcome: PlacementOutcome | undefined) => void;
}

/** So long others get the first turn after a build that only this dispatcher's breaker keeps from being placed. */
const REST_MS = 2_000;

export interface DispatchStores {
  readonly queue: PostgresBuildQueue;
  readonly ownership: PostgresOwnership;
}

/**
 * One tick: claim → place. The claim is one transaction over the queue; each claimed build is then placed on its own,
 * beside the others, so that a provider that hangs holds up only its own builds.
 *
 * `#placing` is this process's memory of what it has claimed; `compare` sets it against the rows (rule 2), so that a
 * claim whose answer was lost goes back to the queue instead of hiding behind a live heartbeat.
 */
export class DispatchTick {
  readonly #placing = new Map<string, Promise<PlacementOutcome>>();
  readonly #stop = new AbortController();
  #claiming: Promise<unknown> = Promise.resolve();
  #restUntilMs = 0;

  constructor(
    private readonly stores: DispatchStores,
    private readonly placeBuild: PlaceBuild,
    private readonly guards: DispatchGuards,
    private readonly options: DispatchTickOptions,
    private readonly logger: Logger,
    private readonly metrics: Metrics,
  ) {}

  get slotsUsed(): number {
    return this.#placing.size + this.guards.slotsFollowed();
  }

  get placing(): readonly Promise<PlacementOutcome>[] {
    return [...this.#placing.values()];
  }

  async tick(): Promise<TickOutcome> {
    const dispatcherId = this.guards.dispatcherId();
    if (dispatcherId === undefined || !this.guards.mayClaim() || this.#stop.signal.aborted)
      return { kind: 'NotAllowed' };
    if (this.guards.isPaused()) return { kind: 'Paused' };
    if (this.options.nowMs() < this.#restUntilMs) return { kind: 'Resting' };
    const limit = this.#limit();
    if (limit <= 0) return { kind: 'SlotsFull' };
    const { builds, skippedForLimit } = await this.#exclusively(() => this.#claim(dispatcherId, limit));
    if (builds.length > 0) return { kind: 'Claimed', full: builds.length >= limit, builds };
    return skippedForLimit > 0 ? { kind: 'LimitReached', skippedForLimit } : { kind: 'QueueEmpty' };
  }

  /** Releases rows that are claimed by us and that nobody here works on. */
  async compare(): Promise<void> {
    const dispatcherId = this.guards.dispatcherId();
    if (dispatcherId === undefined || !this.guards.mayClaim() || this.#stop.signal.aborted) return;
    await this.#exclusively(async () => {
      for (const executionId of await this.stores.ownership.claimsOf(dispatcherId)) {
        if (this.#placing.has(executionId)) continue;
        this.logger.warn('a claim of ours is not known here; its build goes back to the queue', {
          execution: executionId,
        });
        const message = 'its claim was not known to its dispatcher; no cluster was touched';
        await this.stores.queue.release({ executionId, dispatcherId, reason: 'ClaimLost', message });
        this.metrics.count('requeues');
      }
    });
  }

  /** Claims nothing more; placements under way get `graceMs` to end, then they are broken off where they may be. */
  async stop(graceMs: number, sleep: (ms: number, signal: AbortSignal) => Promise<void>): Promise<void> {
    const grace = new AbortController();
    const all = Promise.allSettled(this.#placing.values());
    await Promise.race([all, sleep(graceMs, grace.signal).catch(() => undefined)]);
    grace.abort();
    this.abort();
  }

  /** Breaks off everything at once. */
  abort(): void {
    this.#stop.abort(new Error('the dispatcher stops'));
  }

  #limit(): number {
    const slots = this.options.slots - this.slotsUsed;
    return Math.min(slots, this.options.batchSize, this.options.maxPlacing - this.#placing.size);
  }

  async #claim(dispatcherId: string, limit: number) {
    const { claimed, skippedForLimit } = await this.stores.queue
      .claim({ dispatcherId, limit })
      .catch((error: unknown) => {
        this.metrics.count('claimErrors');
        throw error;
      });
    if (claimed.length > 0) this.metrics.count('claims', claimed.length);
    if (skippedForLimit > 0) this.metrics.count('skippedForLimit', skippedForLimit);
    const builds = claimed.map((one) => ({ buildId: one.buildId, placement: this.#start(one, dispatcherId) }));
    return { builds, skippedForLimit };
  }

  #start(claimed: ClaimedExecution, dispatcherId: string): Promise<PlacementOutcome> {
    this.logger.info('build claimed', {
      build: claimed.buildId,
      execution: claimed.executionId,
      method: claimed.buildMethod,
      infrastructureType: claimed.infrastructureType,
      provider: claimed.requestedProviderId ?? 'to be chosen',
    });
    const startedMs = performance.now();
    const placement = this.placeBuild
      .place(claimed, dispatcherId, this.#stop.signal)
      .then((outcome) => {
        const seconds = (performance.now() - startedMs) / 1000;
        this.metrics.recordSeconds('placementDuration', seconds);
        if (outcome.kind === 'Dispatched') this.#recordQueueClock(claimed, claimed.waitedSeconds + seconds);
        this.#over(claimed.executionId, outcome);
        return outcome;
      })
      .catch((error: unknown) => {
        this.#failed(claimed, error);
        return { kind: 'ClaimLost' } as const;
      });
    this.#placing.set(claimed.executionId, placement);
    return placement;
  }

  /** It stops when the build is placed: one that is claimed and comes back goes on waiting. */
  #recordQueueClock({ attempt, tenantId }: ClaimedExecution, seconds: number): void {
    if (attempt === 1) this.metrics.recordSeconds('queueWait', seconds);
    this.metrics.recordSeconds('tenantClock', seconds, { clock: 'queue', tenant: tenantId });
  }

  /** The database is away for long: the row stays claimed, and the next comparison gives it back. */
  #failed(claimed: ClaimedExecution, error: unknown): void {
    if (!this.#stop.signal.aborted) {
      this.metrics.count('dispatchErrors');
      this.logger.error('a build could not be placed; it goes back to the queue', {
        execution: claimed.executionId,
        error,
      });
    }
    this.#over(claimed.executionId, undefined);
  }

  #over(executionId: string, outcome: PlacementOutcome | undefined): void {
    this.#placing.delete(executionId);
    // Who can place nothing is always free to claim, and would have every build before those who can.
    if (outcome?.kind === 'NoEligibleProvider' && outcome.heldBack) this.#restUntilMs = this.options.nowMs() + REST_MS;
    this.guards.onPlaced(executionId, outcome);
  }

  /** Claims and comparisons take turns: a row is never seen before the memory of it exists. */
  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#claiming.then(work, work);
    this.#claiming = turn.catch(() => undefined);
    return turn;
  }
}
