import { setTimeout as sleep } from 'node:timers/promises';
import { isDomainError } from '@image-factory/domain';
import { type Batcher, type BatcherOptions, batchSettings } from '../database/batcher.js';
import type { Database, Transaction } from '../database/database.js';
import { isCommitUnknown } from '../database/sql-state.js';
import { HeldShards } from '../lease/lock-shards.js';
import type { Fenced, ShardLease } from '../lease/shard-lease.js';
import { LOCK_PROVIDERS } from '../queue/placement-statements.js';
import { LOCK_LANES } from '../queue/statements.js';
import { JoinedStatements } from './joined-statements.js';
import type { LockedAttempt } from './lock-attempt.js';
import { lockTags } from './promote-tags.js';
import { LOCK_ATTEMPTS, LOCK_ATTEMPTS_AND_BUILDS } from './statements.js';

const REPEAT = { tries: 20, firstMs: 50, mostMs: 5_000 } as const;

/** One write about one execution. */
export interface FencedWrite {
  readonly fence: ShardLease;
  readonly executionId: string;
  /**
   * False: the row is in a state that does not take this write, and nothing was changed. Runs again on a conflict, and
   * after a COMMIT whose answer was lost: `repeated` then says that what it finds may be its own doing.
   */
  readonly work: (
    tx: Transaction,
    attempt: LockedAttempt,
    joined: JoinedStatements,
    repeated: boolean,
  ) => Promise<boolean>;
  /** The write moves the build too. */
  readonly movesBuild?: boolean;
  /** The write may change counters of the lane and the provider. */
  readonly counts?: (attempt: LockedAttempt) => boolean;
  /** The write changes who has won the build's tags. */
  readonly tags?: (attempt: LockedAttempt) => boolean;
}

interface AskedWrite extends FencedWrite {
  readonly repeated: boolean;
}

export interface FencedAnswer {
  readonly fenced: Fenced;
  readonly buildId: string | undefined;
}

/**
 * Writes about executions under their fences, many in one transaction (see `Batcher`).
 *
 * A batch locks in the order of all transactions: shards, executions with the builds that move, the lanes and the
 * providers whose counters change, then tags, each kind by its key. Then the writes go out together. Each row is fenced
 * by itself: only a miss of its fence means that its shard is lost (correctness rule 12), and a row that is refused
 * changes nothing and holds up no other. Writes that may change counters have batches of their own: many wait for the
 * same few lanes and providers, and an outcome, which needs none of them, must not wait with them.
 *
 * A COMMIT whose answer was lost is asked again until the database says what became of it, so that what follows a write
 * (wake-ups, the log line, what is measured and learnt) follows it then too (rule 2).
 */
export class FencedWrites {
  readonly #plain: Batcher<AskedWrite, FencedAnswer>;
  readonly #counting: Batcher<AskedWrite, FencedAnswer>;

  constructor(private readonly database: Database) {
    const options: BatcherOptions<AskedWrite, FencedAnswer> = {
      run: (writes, round) =>
        this.database.transaction((tx) => writeAll(tx, writes), { settings: batchSettings(round) }),
      keyOf: ({ executionId }) => executionId,
    };
    this.#plain = database.batches.make('write', options);
    this.#counting = database.batches.make('count', options);
  }

  async submit(write: FencedWrite): Promise<FencedAnswer> {
    const batcher = write.counts === undefined ? this.#plain : this.#counting;
    let repeated = false;
    for (let tries = 0; ; tries += 1) {
      try {
        return await batcher.submit({ ...write, repeated });
      } catch (error) {
        repeated ||= isCommitUnknown(error);
        const again = repeated && isDomainError(error) && error.reason === 'DatabaseUnavailable';
        if (!again || tries >= REPEAT.tries) throw error;
        await sleep(Math.min(REPEAT.firstMs * 2 ** tries, REPEAT.mostMs), undefined, { ref: false });
      }
    }
  }
}

async function writeAll(tx: Transaction, writes: readonly AskedWrite[]): Promise<FencedAnswer[]> {
  const { shards, attempts } = await lockAll(tx, writes);
  const taken = writes.map((write) => {
    const actor = shards.actorOf(write.fence);
    const row = attempts.get(write.executionId);
    const isOurs = actor !== undefined && row !== undefined && isOn(row, write.fence);
    return { write, attempt: isOurs ? { ...row, actor } : undefined };
  });
  const counted = taken.flatMap(({ write, attempt }) =>
    attempt !== undefined && write.counts?.(attempt) === true ? [attempt] : [],
  );
  const tagged = taken.flatMap(({ write, attempt }) =>
    attempt !== undefined && write.tags?.(attempt) === true ? [attempt] : [],
  );
  const locked = Promise.all([lockCounters(tx, counted), lockTags(tx, tagged)]);
  const joined = new JoinedStatements(tx);
  const answers = taken.map(async ({ write, attempt }): Promise<FencedAnswer> => {
    if (attempt === undefined) {
      const fenced = shards.has(write.fence) ? 'state-moved' : 'lease-lost';
      return { fenced, buildId: undefined };
    }
    const fenced = (await write.work(tx, attempt, joined, write.repeated)) ? 'done' : 'state-moved';
    return { fenced, buildId: attempt.build_id };
  });
  const [all] = await Promise.all([Promise.all(answers), locked]);
  return all;
}

/** All of it goes out at once; whether a fence holds and an execution is on its shard is compared afterwards. */
async function lockAll(
  tx: Transaction,
  writes: readonly FencedWrite[],
): Promise<{ shards: HeldShards; attempts: Map<string, LockedAttempt> }> {
  const ids = (movesBuild: boolean): string[] =>
    writes.filter((write) => (write.movesBuild ?? false) === movesBuild).map(({ executionId }) => executionId);
  const [alone, moving] = [ids(false), ids(true)];
  const [shards, ...rows] = await Promise.all([
    HeldShards.lock(
      tx,
      writes.map(({ fence }) => fence),
    ),
    alone.length === 0 ? [] : tx.query<LockedAttempt>(LOCK_ATTEMPTS, [alone]),
    moving.length === 0 ? [] : tx.query<LockedAttempt>(LOCK_ATTEMPTS_AND_BUILDS, [moving]),
  ]);
  return { shards, attempts: new Map(rows.flat().map((row) => [row.id, row])) };
}

function isOn(row: LockedAttempt, fence: ShardLease): boolean {
  return row.provider_id === fence.providerId && row.host === fence.host && row.shard === fence.shard;
}

async function lockCounters(tx: Transaction, counted: readonly LockedAttempt[]): Promise<void> {
  if (counted.length === 0) return;
  await Promise.all([
    tx.query(LOCK_LANES, [[...new Set(counted.map((attempt) => attempt.tenant_id))]]),
    tx.query(LOCK_PROVIDERS, [[...new Set(counted.map((attempt) => attempt.provider_id))]]),
  ]);
}
