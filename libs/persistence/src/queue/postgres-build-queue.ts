import type { Database, Transaction } from '../database/database.js';
import { type Batcher, batchSettings } from '../database/batcher.js';
import { CHANNELS, type Notifier } from '../notify/notifier.js';
import { claimBuilds } from './claim-builds.js';
import type {
  CancelRequest,
  CancelResult,
  ClaimRequest,
  ClaimResult,
  CounterDrift,
  ParkRequest,
  PlacementCommit,
  PlacementResult,
  ReleaseRequest,
} from './claimed-execution.js';
import { cancelBuild, expireQueuedBuilds } from './end-queued-builds.js';
import { placeExecutions } from './place-execution.js';
import { FIND_ABANDONED } from './placement-statements.js';
import { roomOfProviders, type ProviderRoom } from './provider-room.js';
import { reconcileLaneCounters } from './reconcile-counters.js';
import { COUNT_NEW, MAKE_LANE, SYNC_LANE } from './statements.js';
import type { Superseded } from './supersede-builds.js';
import { unblockStranded } from './unblock-builds.js';
import { unplace, type UnplacedBuild, type Unplacing } from './unplace-executions.js';
import { wakeBuilds, wakeDueBuilds, wakeForProvider, type MovedBuild } from './wake-builds.js';

const ABANDONED_PER_CALL = 500;
const WOKEN_PER_CALL = 1_000;

/**
 * The queue of builds, on PostgreSQL.
 *
 * Model: a build that is queued is either in the claim order (`queue_key`, static: submitted minus priority steps) or
 * parked with what wakes it: a time, a provider, room in its project, the end of another of its concurrency key. Each
 * tenant has a lane with exact counters; a lane is ready when it has queued builds and
 * room. A claim locks ready lanes, takes their heads and makes executions in state `placing`, owned by the claimer;
 * `place` commits a provider to one, after which its shard's owner has it; every other way back (`park`, `release`,
 * `failPlacing`, `releaseAbandoned`) uses no attempt.
 *
 * Failures: a claimer that dies leaves `placing` rows, which `releaseAbandoned` requeues once its lease has run out. A
 * COMMIT with a lost answer shows as an execution without a task (or a task without one), which the owner finds by
 * comparing. A missed notification or wake-up costs waiting, never a build: claims poll, and parked builds have a time.
 *
 * Placements, and claims that are taken back, share transactions with those that are asked at the same time
 * (Batcher); each has its own answer, and the same one when it is asked again because that was lost.
 */
export class PostgresBuildQueue {
  readonly #placing: Batcher<PlacementCommit, PlacementResult>;
  readonly #unplacing: Batcher<Unplacing, UnplacedBuild | undefined>;

  constructor(
    private readonly database: Database,
    private readonly notifier?: Notifier,
  ) {
    this.#placing = database.batches.make('place', {
      run: (commits, round) =>
        database.transaction((tx) => placeExecutions(tx, commits), { settings: batchSettings(round) }),
      keyOf: ({ executionId }) => executionId,
    });
    this.#unplacing = database.batches.make('unplace', {
      run: async (unplacings, round) => {
        const settings = batchSettings(round);
        const moved = await database.transaction((tx) => unplace(tx, unplacings), { settings });
        return unplacings.map(({ executionId }) => moved.get(executionId));
      },
      keyOf: ({ executionId }) => executionId,
    });
  }

  /** Counts a build that was not counted when it was inserted, making its lane first; false when the lane is full. */
  async countNew(
    tx: Transaction,
    buildId: string,
    of: { readonly tenantId: string; readonly maxQueuedBuilds: number },
  ): Promise<boolean> {
    await tx.query(MAKE_LANE, [of.tenantId]);
    const counted = await tx.query(COUNT_NEW, [buildId, of.maxQueuedBuilds]);
    return counted.length > 0;
  }

  /** Makes the lane of a tenant, or copies its changed limits into it: in the transaction that changes the tenant. */
  async syncLane(tx: Transaction, tenantId: string): Promise<void> {
    await tx.query(SYNC_LANE, [tenantId]);
  }

  /** Claims builds for a dispatcher; nothing while dispatching is paused, or the database not trusted (rule 4). */
  async claim(request: ClaimRequest): Promise<ClaimResult> {
    const result = await claimBuilds(this.database, request);
    this.#touchBuilds(result.claimed.map((claimed) => claimed.buildId));
    return result;
  }

  async place(commit: PlacementCommit): Promise<PlacementResult> {
    const result = await this.#placing.submit(commit);
    if (result.kind === 'placed') this.notifier?.touch(CHANNELS.executions, commit.executionId);
    return result;
  }

  /** Back to the queue, but not into the claim order until what it waits for. False: the claim is not ours any more. */
  async park(request: ParkRequest): Promise<boolean> {
    const { executionId, dispatcherId, parking, decision } = request;
    const { reason, message, wakeAt, wakeOn } = parking;
    return this.#unplace({
      executionId,
      owner: dispatcherId,
      target: 'parked',
      reason,
      message,
      actor: `dispatcher:${dispatcherId}`,
      ...(wakeAt === undefined ? {} : { wakeAt }),
      ...(wakeOn === undefined ? {} : { wakeOn }),
      ...(decision === undefined ? {} : { decision }),
    });
  }

  /** Back to its old place in the claim order. False: the claim is not ours any more. */
  async release(request: ReleaseRequest): Promise<boolean> {
    return this.#unplaceOne(request, 'queued');
  }

  /** The build itself is wrong: it fails without having touched a cluster. False: the claim is not ours any more. */
  async failPlacing(request: ReleaseRequest): Promise<boolean> {
    return this.#unplaceOne(request, 'failed');
  }

  /** Requeues what dead dispatchers had claimed and not placed; nothing when the database's time is not `judgedAt` now. */
  async releaseAbandoned(judgedAt: Date): Promise<number> {
    const rows = await this.database.query<{ id: string }>(FIND_ABANDONED, [ABANDONED_PER_CALL, judgedAt]);
    if (rows.length === 0) return 0;
    const moved = await Promise.all(
      rows.map(({ id: executionId }) =>
        this.#unplace({
          executionId,
          owner: undefined,
          target: 'queued',
          reason: 'ClaimLost',
          message: 'its dispatcher is gone; no cluster was touched',
          actor: 'system',
        }),
      ),
    );
    return moved.filter(Boolean).length;
  }

  /** Wakes parked builds whose time has come; none when the database's time is not `judgedAt` now. */
  async wakeDue(limit: number, judgedAt: Date): Promise<number> {
    return this.#woken(await wakeDueBuilds(this.database, limit, judgedAt));
  }

  /** Wakes builds that wait for an event: `provider:<id>`, `provider:any`; the oldest of each tenant by their turn. */
  async wake(wakeOn: string, limit: number = WOKEN_PER_CALL): Promise<number> {
    return this.#woken(await wakeBuilds(this.database, wakeOn, limit));
  }

  /** Wakes builds that wait for this provider or for any, and that it would take if it had room. */
  async wakeForProvider(providerId: string, limit: number = WOKEN_PER_CALL): Promise<number> {
    return this.#woken(await wakeForProvider(this.database, providerId, limit));
  }

  /** For whoever wakes builds that wait for a provider. */
  roomOfProviders(): Promise<ProviderRoom[]> {
    return roomOfProviders(this.database);
  }

  /** Fails builds whose queue clock has run out; none when the database's time is not `judgedAt` now. */
  async expireQueued(limit: number, judgedAt: Date): Promise<readonly MovedBuild[]> {
    const ended = await expireQueuedBuilds(this.database, limit, judgedAt);
    this.#touchBuilds(ended.map((build) => build.id));
    return ended;
  }

  /** Cancels, or asks for it; idempotent, legal in every state. */
  async requestCancel(request: CancelRequest): Promise<CancelResult> {
    const { result, executionId } = await cancelBuild(this.database, request);
    if (result.kind === 'cancelled' || result.kind === 'cancelling') this.#touchBuilds([request.buildId]);
    if (executionId !== undefined) this.notifier?.touch(CHANNELS.executions, executionId);
    return result;
  }

  /** Tells dispatchers of a new build, and followers of those that it took the place of; after the commit. */
  tellSubmitted(tenantId: string, superseded: Superseded | undefined): void {
    this.notifier?.touch(CHANNELS.queue, tenantId);
    if (superseded === undefined) return;
    this.#touchBuilds(superseded.buildIds);
    for (const id of superseded.executionIds) this.notifier?.touch(CHANNELS.executions, id);
  }

  /** Wakes builds that wait for room in a project or for a key which is free. */
  async wakeStranded(): Promise<number> {
    return this.#woken(await unblockStranded(this.database));
  }

  /** Compares all counters with what they count, and limits with those that they are copied from, and corrects them. */
  async reconcileCounters(): Promise<CounterDrift> {
    return reconcileLaneCounters(this.database);
  }

  #unplaceOne(request: ReleaseRequest, target: 'queued' | 'failed'): Promise<boolean> {
    const { executionId, dispatcherId, reason, message } = request;
    const actor = `dispatcher:${dispatcherId}`;
    return this.#unplace({ executionId, owner: dispatcherId, target, reason, message, actor });
  }

  async #unplace(unplacing: Unplacing): Promise<boolean> {
    const build = await this.#unplacing.submit(unplacing);
    if (build === undefined) return false;
    this.#touchBuilds([build.id]);
    this.notifier?.touch(CHANNELS.queue, build.tenantId);
    return true;
  }

  #woken(builds: readonly MovedBuild[]): number {
    for (const build of builds) this.notifier?.touch(CHANNELS.queue, build.tenantId);
    return builds.length;
  }

  #touchBuilds(ids: readonly string[]): void {
    for (const id of ids) this.notifier?.touch(CHANNELS.events, id);
  }
}
