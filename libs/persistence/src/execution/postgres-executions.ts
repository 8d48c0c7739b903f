import type { BuildStatus, ExecutionState, Reason, StopIntent } from '@image-factory/domain';
import type { Batcher } from '../database/batcher.js';
import type { Database } from '../database/database.js';
import type { Fenced, ShardLease } from '../lease/shard-lease.js';
import { CHANNELS, type Notifier } from '../notify/notifier.js';
import { unblockAfter } from '../queue/unblock-builds.js';
import { wakeForProvider } from '../queue/wake-builds.js';
import { storableText } from '../sql/storable.js';
import { FencedWrites, type FencedWrite } from './fenced-writes.js';
import { failsPublication, finishedBefore, finishExecution, promotesImage, type Finished } from './finish-execution.js';
import { fixOutcome } from './fix-outcome.js';
import type { LockedAttempt } from './lock-attempt.js';
import type {
  ExecutionFinish,
  FixedOutcome,
  OwnedDifference,
  OwnedExecution,
  OwnedSummary,
  TagWinner,
} from './owned-execution.js';
import { toOwnedExecution, type OwnedRow } from './owned-row.js';
import { FIND_OWNED_BY_ID } from './owned-statements.js';
import { markTagsPromoted, promotionRefused } from './mark-tags-promoted.js';
import {
  BUILD_STARTED,
  COMPARE_OWNED,
  CREATE_UNKNOWN,
  FIND_TAGS,
  MOVE_TO_PROMOTING,
  MOVE_TO_RUNNING,
  MOVE_TO_STARTING,
  SET_LOSS,
  SET_PODS_PRESUMED_OVER,
  SET_SEALED,
  SET_STOP_INTENT,
  SET_WAITING,
} from './statements.js';

type Work = FencedWrite['work'];

interface OwnedRead {
  readonly dispatcherId: string;
  readonly executionId: string;
  /** Its document, which never changes, when it is known: it is not read again. */
  readonly document: string | undefined;
}

/** A row of COMPARE_OWNED: without a build, nothing but the id is there. */
interface SummaryRow {
  readonly id: string;
  readonly build_id: string | null;
  readonly provider_id: string;
  readonly state: ExecutionState;
  readonly status: BuildStatus;
}

/**
 * What the owner of a shard reads and writes about the executions on it.
 *
 * Model: every write stands behind the shard's token; those that are asked at the same time share a transaction
 * (FencedWrites). It says `done`, `lease-lost` (another owner: drop the work) or `state-moved` (ours, but not in a state
 * that takes it: read again). Marks may be repeated: a second `done` changes nothing. Times are the database's.
 *
 * Failures: a COMMIT with a lost answer is asked again here (FencedWrites) and then answers as if it had not been lost.
 * Wake-ups of parked builds follow the commit and are hints; parked builds have a time as well.
 */
export class PostgresExecutions {
  readonly #writes: FencedWrites;
  readonly #reads: Batcher<OwnedRead, OwnedExecution | undefined>;
  /** Slots freed on providers. */
  readonly #slots: Batcher<string, void>;

  constructor(
    private readonly database: Database,
    private readonly notifier?: Notifier,
  ) {
    this.#writes = new FencedWrites(database);
    this.#reads = database.batches.make('read', {
      run: (reads) => this.#readAll(reads),
      keyOf: ({ executionId }) => executionId,
    });
    this.#slots = database.batches.make('wake', { run: (providerIds) => this.#wakeWaiting(providerIds) });
  }

  /** An unswept execution on the dispatcher's shards, as it stands now. Those that are asked for at the same time share a query. `document`: when known */
  findOne(dispatcherId: string, executionId: string, document?: string): Promise<OwnedExecution | undefined> {
    return this.#reads.submit({ dispatcherId, executionId, document });
  }

  /** All unswept executions on the dispatcher's shards against those that it knows, both ways (rule 2). */
  async compareOwned(dispatcherId: string, known: readonly OwnedSummary[]): Promise<OwnedDifference> {
    const rows = await this.database.query<SummaryRow>(COMPARE_OWNED, [
      dispatcherId,
      known.map(({ executionId }) => executionId),
      known.map(({ state }) => state),
      known.map(({ buildStatus }) => buildStatus),
    ]);
    const gone = rows.filter(({ build_id: buildId }) => buildId === null).map(({ id }) => id);
    const changed = rows.flatMap(({ id: executionId, build_id: buildId, provider_id: providerId, state, status }) =>
      buildId === null ? [] : [{ executionId, buildId, providerId, state, buildStatus: status }],
    );
    return { changed, gone };
  }

  /** Every object of the attempt is ensured; the run has this uid. */
  async markStarting(fence: ShardLease, executionId: string, created: { readonly uid: string }): Promise<Fenced> {
    return this.#write(fence, executionId, async (tx, attempt) => {
      if (attempt.state === 'starting') return attempt.pipeline_run_uid === created.uid;
      return moved(
        await tx.query(MOVE_TO_STARTING, [attempt.id, attempt.state, attempt.actor, null, null, created.uid]),
      );
    });
  }

  /** The answer to a create is unknown: only a proof settles the name from here on (rule 14). */
  async markCreateUnknown(fence: ShardLease, executionId: string): Promise<Fenced> {
    return this.#write(fence, executionId, async (tx, attempt) => {
      if (attempt.state !== 'creating') return false;
      await tx.query(CREATE_UNKNOWN, [attempt.id]);
      return true;
    });
  }

  async markRunning(
    fence: ShardLease,
    executionId: string,
    started: { readonly firstStepStartedAt: Date },
  ): Promise<Fenced> {
    const work: Work = async (tx, attempt) => {
      if (attempt.state === 'running') return true;
      const at = started.firstStepStartedAt;
      const rows = await tx.query(MOVE_TO_RUNNING, [attempt.id, attempt.state, attempt.actor, null, null, at]);
      if (rows.length === 0) return false;
      await tx.query(BUILD_STARTED, [attempt.build_id, at]);
      return true;
    };
    return this.#write(fence, executionId, work, { movesBuild: true });
  }

  /**
   * Why it waits; undefined: it does not. An event is written only when the reason changes. `runSeconds`: what its run
   * clock has counted until now.
   */
  async setWaiting(
    fence: ShardLease,
    executionId: string,
    waiting: { readonly reason: Reason; readonly message: string } | undefined,
    runSeconds?: number,
  ): Promise<Fenced> {
    const reason = waiting?.reason ?? null;
    const message = waiting === undefined ? null : storableText(waiting.message);
    return this.#write(fence, executionId, async (tx, attempt) => {
      if (attempt.outcome !== null || attempt.finished_at !== null) return false;
      if (attempt.waiting_reason === reason && attempt.waiting_message === message) return true;
      const { id, waiting_reason: before, actor } = attempt;
      await tx.query(SET_WAITING, [id, reason, message, before, actor, runSeconds ?? null]);
      return true;
    });
  }

  /** Stored before the cluster is told (rule 11). The first intent wins: `state-moved` says that another was there. */
  async setStopIntent(fence: ShardLease, executionId: string, intent: StopIntent): Promise<Fenced> {
    return this.#write(fence, executionId, async (tx, attempt) => {
      if (attempt.stop_intent !== null) return attempt.stop_intent === intent;
      if (attempt.outcome !== null || attempt.finished_at !== null) return false;
      await tx.query(SET_STOP_INTENT, [attempt.id, intent]);
      return true;
    });
  }

  /** Commits the verdict: → sealing, immutable (rule 18). */
  async fixOutcome(fence: ShardLease, executionId: string, outcome: FixedOutcome): Promise<Fenced> {
    return this.#write(fence, executionId, async (tx, attempt, _joined, repeated) => {
      if (repeated && attempt.state === 'sealing') return attempt.outcome === outcome.outcome;
      return fixOutcome(tx, attempt, outcome);
    });
  }

  /**
   * Nothing of the attempt runs any more: its slots are freed, once, and a build that waits for them is woken.
   * `presumed`: that is not proved, and whoever decides about another attempt must know.
   */
  async markPodsOver(
    fence: ShardLease,
    executionId: string,
    { presumed = false }: { readonly presumed?: boolean } = {},
  ): Promise<Fenced> {
    let freed: LockedAttempt | undefined;
    const work: Work = async (tx, attempt, joined, repeated) => {
      freed = attempt.slot_held || repeated ? attempt : undefined;
      if (presumed && attempt.slot_held) await tx.query(SET_PODS_PRESUMED_OVER, [attempt.id]);
      if (attempt.slot_held && (await joined.freeSlot(attempt.id))?.othersWait === true)
        await unblockAfter(tx, [attempt.build_id]);
      return true;
    };
    const fenced = await this.#write(fence, executionId, work, { counts: (attempt) => attempt.slot_held });
    if (freed !== undefined && fenced === 'done') await this.#slotFreed(freed.tenant_id, freed.provider_id);
    return fenced;
  }

  async markCredentialsRemoved(fence: ShardLease, executionId: string): Promise<Fenced> {
    return this.#write(fence, executionId, (_tx, attempt, joined) => joined.markCredentialsRemoved(attempt.id));
  }

  /** The log is whole or its gap is marked. A success that made an image goes on to promoting. */
  async markSealed(fence: ShardLease, executionId: string, seal: { readonly gap?: string }): Promise<Fenced> {
    const gap = seal.gap === undefined ? null : storableText(seal.gap);
    return this.#write(fence, executionId, async (tx, attempt) => {
      if (attempt.log_sealed_at !== null) return true;
      if (attempt.state !== 'sealing') return false;
      await tx.query(SET_SEALED, [attempt.id, gap]);
      if (attempt.outcome !== 'succeeded' || !promotesImage(attempt)) return true;
      return moved(await tx.query(MOVE_TO_PROMOTING, [attempt.id, attempt.state, attempt.actor, null, gap]));
    });
  }

  /** Ends the attempt and moves its build by the total table. */
  async finish(fence: ShardLease, executionId: string, finish: ExecutionFinish): Promise<Fenced> {
    let finished: Finished | undefined;
    const work: Work = async (tx, attempt, _joined, repeated) => {
      const before = repeated ? finishedBefore(attempt, finish) : undefined;
      finished = before ?? (await finishExecution(tx, attempt, finish));
      return finished !== undefined;
    };
    const fenced = await this.#write(fence, executionId, work, {
      movesBuild: true,
      counts: (attempt) => attempt.slot_held || attempt.keyed || finish.retry,
      tags: (attempt) => failsPublication(attempt, finish.state),
    });
    if (finished !== undefined && fenced === 'done') {
      if (finished.slotFreed) await this.#slotFreed(finished.tenantId, fence.providerId);
      if (finished.requeued || finished.othersWoken) this.notifier?.touch(CHANNELS.queue, finished.tenantId);
    }
    return fenced;
  }

  /** The first loss of contact is kept until contact is back. */
  async markLoss(fence: ShardLease, executionId: string, lost: boolean): Promise<Fenced> {
    return this.#write(fence, executionId, async (tx, attempt) => {
      if (attempt.finished_at !== null) return false;
      if ((attempt.first_loss_at !== null) !== lost) await tx.query(SET_LOSS, [attempt.id, lost]);
      return true;
    });
  }

  /** Its run is gone from the cluster. Only of an attempt that has ended. */
  async markSwept(fence: ShardLease, executionId: string): Promise<Fenced> {
    return this.#write(fence, executionId, (_tx, attempt, joined) => joined.markSwept(attempt.id));
  }

  /** Who has won which of these tags of a repository; those without a winner are not there. */
  async findTags(repository: string, tags: readonly string[]): Promise<TagWinner[]> {
    const rows = await this.database.query<{ tag: string; build_id: string; build_ordinal: number; digest: string }>(
      FIND_TAGS,
      [repository, tags],
    );
    return rows.map(({ tag, build_id: buildId, build_ordinal: buildOrdinal, digest }) => ({
      tag,
      buildId,
      buildOrdinal,
      digest,
    }));
  }

  /**
   * The manifest was put under the build's tags.
   * @returns those that no newer build has, which are this build's now
   * @throws DomainError Conflict LeaseLost, or Conflict when the attempt is not promoting
   */
  async markTagsPromoted(fence: ShardLease, executionId: string, digest: string): Promise<readonly string[]> {
    let promoted: readonly string[] | undefined;
    const work: Work = async (tx, attempt, joined) => {
      promoted = await markTagsPromoted(tx, attempt, joined, digest);
      return promoted !== undefined;
    };
    const fenced = await this.#write(fence, executionId, work, { tags: (attempt) => attempt.state === 'promoting' });
    if (fenced === 'done' && promoted !== undefined) return promoted;
    throw promotionRefused(fenced === 'done' ? 'state-moved' : fenced, executionId);
  }

  async #readAll(reads: readonly OwnedRead[]): Promise<(OwnedExecution | undefined)[]> {
    const found = new Map<string, OwnedRow>();
    for (const dispatcherId of new Set(reads.map((read) => read.dispatcherId))) {
      const own = reads.filter((read) => read.dispatcherId === dispatcherId);
      const ids = own.map((read) => read.executionId);
      const whole = own.map((read) => read.document === undefined);
      const rows = await this.database.query<OwnedRow>(FIND_OWNED_BY_ID, [dispatcherId, ids, whole]);
      for (const row of rows) found.set(`${dispatcherId}|${row.id}`, row);
    }
    return reads.map(({ dispatcherId, executionId, document }) => {
      const row = found.get(`${dispatcherId}|${executionId}`);
      return row === undefined ? undefined : toOwnedExecution(document === undefined ? row : { ...row, document });
    });
  }

  async #write(
    fence: ShardLease,
    executionId: string,
    work: Work,
    locks: Pick<FencedWrite, 'movesBuild' | 'counts' | 'tags'> = {},
  ): Promise<Fenced> {
    const { fenced, buildId } = await this.#writes.submit({ fence, executionId, work, ...locks });
    if (fenced === 'done' && buildId !== undefined) this.notifier?.touch(CHANNELS.events, buildId);
    return fenced;
  }

  async #slotFreed(tenantId: string, providerId: string): Promise<void> {
    this.notifier?.touch(CHANNELS.queue, tenantId);
    await this.#slots.submit(providerId);
  }

  /** As many builds as slots were freed, of those that the provider would take. */
  async #wakeWaiting(providerIds: readonly string[]): Promise<void[]> {
    const freed = new Map<string, number>();
    for (const id of providerIds) freed.set(id, (freed.get(id) ?? 0) + 1);
    for (const [providerId, count] of freed) {
      for (const build of await wakeForProvider(this.database, providerId, count))
        this.notifier?.touch(CHANNELS.queue, build.tenantId);
    }
    return providerIds.map(() => undefined);
  }
}

function moved(rows: readonly unknown[]): boolean {
  return rows.length > 0;
}
