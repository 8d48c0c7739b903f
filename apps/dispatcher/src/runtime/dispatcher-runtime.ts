import type { InvariantReport, QueueTotals, ShardLease, Subscription } from '@image-factory/persistence';
import { CHANNELS, PlacementFactsReader } from '@image-factory/persistence';
import { DispatchTick } from '../dispatch/dispatch-tick.js';
import { PlaceBuild } from '../dispatch/place-build.js';
import type { PlacementOutcome } from '../dispatch/placement-outcome.js';
import { RetryFacts } from '../dispatch/retry-facts.js';
import { ExecutionFeed } from '../follow/execution-feed.js';
import { ProviderFollowers } from '../follow/provider-followers.js';
import { ClockJudge } from '../lease/clock-judge.js';
import { LeaseKeeper, type DispatcherReport } from '../lease/lease-keeper.js';
import { Reachability } from '../lease/reachability.js';
import { ShardKeeper } from '../lease/shard-keeper.js';
import { LogBatcher } from '../log/log-batcher.js';
import { BackgroundLoop } from '../loop/background-loop.js';
import type { LoopBoard } from '../loop/loop-board.js';
import { metricsView } from '../metrics/metrics-view.js';
import { observeQueue } from '../metrics/observe-queue.js';
import { sweepReport, type ProviderSweep } from '../metrics/sweep-report.js';
import type { DispatcherSettings } from './dispatcher-settings.js';
import type { RuntimeParts } from './runtime-parts.js';

const PLACING_GRACE_MS = 5_000;
const RELEASE_GRACE_MS = 8_000;
const LOG_GRACE_MS = 3_000;

/**
 * The dispatcher at work: everything that exists once the database answers.
 *
 * Four loops carry it. *heartbeat* renews the one lease; *ownership* compares rows with memory and keeps the right
 * shards; *reach* learns which providers this process cannot reach; *dispatch* claims and places. All decisions stand on
 * rows, so any loop may fail a round, and any process may die, without more than a delay.
 *
 * Modes: made → running (start) → stopping (stop: no new claims, work is handed over) → stopped; or abandoned (abandon:
 * everything stops where it is and nothing is written, as in a crash).
 */
export class DispatcherRuntime {
  readonly judge: ClockJudge;
  readonly lease: LeaseKeeper;
  readonly batcher: LogBatcher;
  readonly followers: ProviderFollowers;
  readonly feed: ExecutionFeed;
  readonly reachability: Reachability;
  readonly shards: ShardKeeper;
  readonly dispatch: DispatchTick;
  readonly loops: {
    readonly heartbeat: BackgroundLoop;
    readonly ownership: BackgroundLoop;
    readonly reach: BackgroundLoop;
    readonly dispatch: BackgroundLoop;
  };
  #subscription: Subscription | undefined;
  #stopping = false;
  /** What the last sweep found on each provider that is followed here. */
  sweeps: ReadonlyMap<string, ProviderSweep> = new Map();
  /** The last look for what must never be. */
  invariants: InvariantReport | undefined;
  /** The last look at the length of the queue. */
  queueTotals: QueueTotals | undefined;

  constructor(
    readonly parts: RuntimeParts,
    readonly settings: DispatcherSettings,
    board: LoopBoard,
  ) {
    const { clock } = parts;
    this.judge = new ClockJudge(clock, settings.leaseMs);
    this.lease = this.#makeLease();
    this.batcher = this.#makeBatcher();
    this.followers = this.#makeFollowers();
    this.feed = new ExecutionFeed(parts.stores.executions, this.followers, () => this.lease.dispatcherId);
    this.reachability = this.#makeReachability();
    this.shards = this.#makeShards();
    this.dispatch = this.#makeDispatch();
    this.loops = this.#makeLoops(board);
    this.#observe();
  }

  start(autoDispatch: boolean): void {
    this.loops.heartbeat.start();
    this.loops.ownership.start();
    this.loops.reach.start();
    if (autoDispatch) this.loops.dispatch.start();
  }

  get isStopping(): boolean {
    return this.#stopping;
  }

  /**
   * No new claims; what is being placed and created is finished; shards and lease are given back. Within 20 s. Shards
   * under which something still runs then (a request that a cluster does not answer) are not given back: nothing is
   * written from here any more, and others take them when the lease has run out (rule 3).
   */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const { clock, logger, stores } = this.parts;
    logger.info('dispatcher stops: no new claims');
    await Promise.all([this.loops.dispatch.stop(), this.loops.ownership.stop(), this.loops.reach.stop()]);
    await this.#subscription?.close().catch(() => undefined);
    await this.dispatch.stop(PLACING_GRACE_MS, (ms, signal) => clock.sleep(ms, signal));
    await this.#within(RELEASE_GRACE_MS, this.shards.releaseAll());
    await this.batcher.close(LOG_GRACE_MS);
    await this.loops.heartbeat.stop();
    if (this.shards.isIdle) await this.#within(2_000, this.lease.deregister());
    else {
      this.lease.abandon();
      logger.warn('work under some shards has not ended; others take them when the lease has run out');
    }
    await this.#within(2_000, stores.notifier.close());
    logger.info('dispatcher stopped');
  }

  /** Stops everything where it is, without a write: what a crash would do. */
  abandon(): void {
    this.#stopping = true;
    this.lease.abandon();
    this.dispatch.abort();
    for (const loop of Object.values(this.loops)) void loop.stop();
    void this.#subscription?.close();
    void this.followers.closeAll();
    void this.batcher.close(0);
  }

  report(): DispatcherReport {
    return {
      slotsUsed: this.dispatch.slotsUsed,
      metrics: {
        ...metricsView(this.parts.metrics.view()),
        ...sweepReport(this.sweeps),
        shards: this.followers.leases.length,
        silent_providers: this.reachability.silent,
        open_breakers: [...(this.parts.places.openBreakers?.() ?? [])],
        watch_ages_ms: this.reachability.watchAgesMs(),
        connections: this.parts.places.connections(),
        seal_limit_seconds: this.settings.limits.sealLimitMs / 1000,
      },
      unreachableProviders: this.reachability.unreachable,
      stopping: this.#stopping,
    };
  }

  #makeLease(): LeaseKeeper {
    const { stores, clock, logger } = this.parts;
    const { host, version, slots, leaseMs } = this.settings;
    const options = {
      host,
      version,
      slots,
      leaseMs,
      report: () => this.report(),
      onLapse: () => this.#dropEverything(),
    };
    return new LeaseKeeper(stores.leases, stores.trust, this.judge, options, clock, logger);
  }

  #makeBatcher(): LogBatcher {
    const { stores, clock, logger, metrics } = this.parts;
    return new LogBatcher({ logs: stores.logs, mayWrite: this.lease.mayWrite, clock, logger, metrics });
  }

  #makeFollowers(): ProviderFollowers {
    const { installationId, stores, places, clock, logger, metrics } = this.parts;
    return new ProviderFollowers(places.executors, {
      installationId,
      dispatcherId: () => this.lease.dispatcherId,
      mayWrite: this.lease.mayWrite,
      executions: stores.executions,
      logs: stores.logs,
      batcher: this.batcher,
      credentials: stores.credentials,
      publisher: places.publisher,
      judge: this.judge,
      limits: this.settings.limits,
      retry: {
        limits: this.settings.retry,
        holdPolicy: this.settings.registryHold,
        retries: stores.retries,
        registryHolds: stores.registryHolds,
        random: Math.random,
      },
      isLostForAll: (providerId) => this.reachability.isLostForAll(providerId),
      onLeaseLost: (fence) => this.#dropShard(fence),
      onSlotFreed: () => this.loops.dispatch.wake(),
      onForgotten: () => this.loops.dispatch.wake(),
      reconcileConcurrency: this.settings.reconcileConcurrency,
      watchStaleMs: this.settings.watchStaleMs,
      logLimitBytes: this.settings.logLimitBytes,
      clock,
      logger,
      metrics,
    });
  }

  #makeReachability(): Reachability {
    const { stores, places, logger } = this.parts;
    const { watchStaleMs: staleAfterMs, host } = this.settings;
    const options = { staleAfterMs, host, probe: places.probe, judgedAt: () => this.judge.judgedAt() };
    return new Reachability(this.followers, stores.ownership, stores.providers, options, logger);
  }

  #makeShards(): ShardKeeper {
    const { stores, logger, metrics } = this.parts;
    const options = {
      host: this.settings.host,
      dispatcherId: () => this.lease.dispatcherId,
      judgedAt: () => this.judge.judgedAt(),
      adoptBatch: this.settings.adoptBatch,
      onAcquired: () => this.feed.compare(),
    };
    return new ShardKeeper(stores, this.followers, options, logger, metrics);
  }

  #makeDispatch(): DispatchTick {
    const { installationId, stores, places, clock, logger, metrics } = this.parts;
    const { host, insecureRegistries, prepareTimeoutMs, noProviderWaitMs, slots, claimBatch, maxPlacing, retry } =
      this.settings;
    const { openBreakers } = places;
    const breakers = openBreakers === undefined ? {} : { openBreakers };
    const facts = new PlacementFactsReader(stores.providers, stores.placementHistory, clock, breakers);
    const retryFacts = new RetryFacts(stores.retries, stores.registryHolds, retry, clock);
    const placeBuild = new PlaceBuild(
      { queue: stores.queue, facts, retryFacts, executors: places.executors, clock, logger, metrics },
      {
        installationId,
        host,
        insecureRegistries,
        prepareTimeoutMs,
        noProviderWaitMs,
        mayWrite: this.lease.mayWrite,
        databaseNowMs: () => this.judge.databaseNowMs(),
      },
    );
    const guards = {
      dispatcherId: () => this.lease.dispatcherId,
      mayClaim: () => this.lease.mayWrite() && !this.#stopping && !this.lease.claimsHeld,
      isPaused: () => this.lease.isPaused,
      slotsFollowed: () => this.followers.slotsUsed,
      onPlaced: (executionId: string, outcome: PlacementOutcome | undefined) => this.#placed(executionId, outcome),
    };
    const options = { slots, batchSize: claimBatch, maxPlacing, nowMs: () => clock.monotonicMs() };
    return new DispatchTick(stores, placeBuild, guards, options, logger, metrics);
  }

  #makeLoops(board: LoopBoard): DispatcherRuntime['loops'] {
    const { clock, logger } = this.parts;
    const { heartbeatMs, pollMs } = this.settings;
    const parts = { clock, logger, board };
    return {
      heartbeat: new BackgroundLoop({ name: 'heartbeat', intervalMs: heartbeatMs, runOnce: () => this.#beat() }, parts),
      ownership: new BackgroundLoop({ name: 'ownership', intervalMs: heartbeatMs, runOnce: () => this.#own() }, parts),
      reach: new BackgroundLoop(
        { name: 'reach', intervalMs: heartbeatMs, runOnce: () => this.reachability.look() },
        parts,
      ),
      dispatch: new BackgroundLoop(
        { name: 'dispatch', intervalMs: pollMs, jitter: 0.5, runOnce: () => this.#dispatchRound() },
        parts,
      ),
    };
  }

  async #beat(): Promise<void> {
    const beat = await this.lease.beat();
    if (beat.kind === 'registered') {
      this.loops.ownership.wake();
      this.loops.dispatch.wake();
    }
  }

  async #own(): Promise<number | void> {
    if (this.#stopping || !this.lease.mayWrite()) return;
    await this.#listen();
    const goesOn = await this.shards.keep();
    await this.feed.compare();
    await this.dispatch.compare();
    if (goesOn) return 0;
  }

  /** Claims until the queue gives no full batch any more. */
  async #dispatchRound(): Promise<void> {
    for (;;) {
      const outcome = await this.dispatch.tick();
      if (outcome.kind !== 'Claimed' || !outcome.full) return;
    }
  }

  /** A database that gives no connection for it (too many, or a pooler) is polled: everything goes on, later. */
  async #listen(): Promise<void> {
    if (this.#subscription !== undefined) return;
    try {
      this.#subscription = await this.parts.stores.database.listen(
        [CHANNELS.queue, CHANNELS.executions],
        (channel, payload) => {
          if (this.#stopping) return;
          if (channel === CHANNELS.queue) this.loops.dispatch.wake();
          else this.#notified(payload);
        },
      );
    } catch (error) {
      this.parts.logger.warn('notifications cannot be listened to; the database is polled meanwhile', { error });
    }
  }

  #notified(payload: string): void {
    this.feed.notified(payload).then(
      (all) => {
        if (all) this.loops.ownership.wake();
      },
      (error: unknown) =>
        this.parts.logger.warn('a notification could not be followed; the comparison will', { error }),
    );
  }

  /** A slot may be free; a provider that is new to everybody needs an owner for its shards. */
  #placed(executionId: string, outcome: PlacementOutcome | undefined): void {
    this.loops.dispatch.wake();
    if (outcome?.kind !== 'Dispatched') return;
    if (this.followers.find(outcome.providerId) === undefined) this.loops.ownership.wake();
    else this.#notified(executionId);
  }

  #dropShard(fence: ShardLease): void {
    void this.shards.drop(fence).then(() => this.loops.ownership.wake());
  }

  #dropEverything(): void {
    this.parts.metrics.count('leaseLosses');
    void this.followers.giveUp([...this.followers.leases]);
  }

  #observe(): void {
    const { metrics } = this.parts;
    metrics.observe('slots', () => this.settings.slots);
    metrics.observe('slotsUsed', () => this.dispatch.slotsUsed);
    metrics.observe('logWaitingSteps', () => this.batcher.waitingSteps);
    metrics.observe('logWaitingBytes', () => this.batcher.bufferedBytes);
    observeQueue(metrics, () => this.queueTotals);
    metrics.observe('claimsHeld', () => (this.lease.claimsHeld ? 1 : 0));
    metrics.observe('shardsHeld', () => this.followers.leases.length);
    metrics.observeMany('clusterWatchAge', () => this.reachability.watchAgeReadings());
    metrics.observe('orphans', () => this.invariants?.orphans.count ?? 0);
    metrics.observe('stranded', () => this.invariants?.stranded.count ?? 0);
    metrics.observe('duplicates', () => this.invariants?.duplicates.count ?? 0);
    metrics.observe('unsealed', () => this.invariants?.unsealed.count ?? 0);
    metrics.observe('drift', () => this.invariants?.drift.count ?? 0);
    metrics.observe('foreign', () => this.invariants?.foreign.count ?? 0);
  }

  async #within(ms: number, work: Promise<unknown>): Promise<void> {
    const grace = new AbortController();
    const late = this.parts.clock.sleep(ms, grace.signal).catch(() => undefined);
    const done = work.catch((error: unknown) => this.parts.logger.warn('a part of the stop failed', { error }));
    await Promise.race([done, late]);
    grace.abort();
  }
}
