import type { Database, Transaction } from '../database/database.js';
import { KEYED_PLANS } from '../database/transaction.js';
import { Batcher } from '../database/batcher.js';
import type { Fenced, ShardLease } from '../lease/shard-lease.js';
import { LOCK_PROVIDERS } from '../queue/placement-statements.js';
import { LOCK_LANES } from '../queue/statements.js';
import { JoinedStatements } from './joined-statements.js';
import type { LockedAttempt } from './lock-attempt.js';
import { LOCK_ATTEMPTS, LOCK_ATTEMPTS_AND_BUILDS, LOCK_SHARDS } from './statements.js';

/** One write about one execution. */
export interface FencedWrite {
  readonly fence: ShardLease;
  readonly executionId: string;
  /** False: the row is in a state that does not take this write, and nothing was changed. Runs again on a conflict. */
  readonly work: (tx: Transaction, attempt: LockedAttempt, joined: JoinedStatements) => Promise<boolean>;
  /** The write moves the build too. */
  readonly movesBuild?: boolean;
  /** The write may change counters of the lane and the provider. */
  readonly counts?: (attempt: LockedAttempt) => boolean;
}

export interface FencedAnswer {
  readonly fenced: Fenced;
  readonly buildId: string | undefined;
}

interface HeldShard {
  readonly provider_id: string;
  readonly host: string;
  readonly shard: number;
  readonly token: string;
  readonly actor: string;
}

/**
 * Writes about executions under their fences, many in one transaction (see `Batcher`).
 *
 * A batch locks in the order of all transactions: shards, executions with the builds that move, then the lanes and the
 * providers whose counters change, each kind by its key. Then the writes go out together. Each row is fenced by itself:
 * only a miss of its fence means that its shard is lost (correctness rule 12), and a row that is refused changes nothing
 * and holds up no other.
 */
export class FencedWrites {
  readonly #batcher: Batcher<FencedWrite, FencedAnswer>;

  constructor(private readonly database: Database) {
    this.#batcher = new Batcher({
      run: (writes) => this.database.transaction((tx) => writeAll(tx, writes), { settings: KEYED_PLANS }),
      keyOf: ({ executionId }) => executionId,
    });
  }

  submit(write: FencedWrite): Promise<FencedAnswer> {
    return this.#batcher.submit(write);
  }
}

async function writeAll(tx: Transaction, writes: readonly FencedWrite[]): Promise<FencedAnswer[]> {
  const { shards, attempts } = await lockAll(tx, writes);
  const taken = writes.map((write) => {
    const shard = shards.get(fenceKey(write.fence));
    const row = attempts.get(write.executionId);
    const attempt = shard === undefined || row === undefined || !isOn(row, write.fence) ? undefined : row;
    return { write, attempt: attempt === undefined ? undefined : { ...attempt, actor: shard?.actor ?? '' } };
  });
  const counted = taken.flatMap(({ write, attempt }) =>
    attempt !== undefined && write.counts?.(attempt) === true ? [attempt] : [],
  );
  const locked = lockCounters(tx, counted);
  const joined = new JoinedStatements(tx);
  const answers = taken.map(async ({ write, attempt }): Promise<FencedAnswer> => {
    if (attempt === undefined) {
      const fenced = shards.has(fenceKey(write.fence)) ? 'state-moved' : 'lease-lost';
      return { fenced, buildId: undefined };
    }
    const fenced = (await write.work(tx, attempt, joined)) ? 'done' : 'state-moved';
    return { fenced, buildId: attempt.build_id };
  });
  const [all] = await Promise.all([Promise.all(answers), locked]);
  return all;
}

/** All of it goes out at once; whether a fence holds and an execution is on its shard is compared afterwards. */
async function lockAll(
  tx: Transaction,
  writes: readonly FencedWrite[],
): Promise<{ shards: Map<string, HeldShard>; attempts: Map<string, LockedAttempt> }> {
  const fences = [...new Map(writes.map(({ fence }) => [fenceKey(fence), fence])).values()];
  const ids = (movesBuild: boolean): string[] =>
    writes.filter((write) => (write.movesBuild ?? false) === movesBuild).map(({ executionId }) => executionId);
  const [alone, moving] = [ids(false), ids(true)];
  const [shards, ...rows] = await Promise.all([
    tx.query<HeldShard>(LOCK_SHARDS, [
      fences.map((fence) => fence.providerId),
      fences.map((fence) => fence.host),
      fences.map((fence) => fence.shard),
      fences.map((fence) => fence.token),
    ]),
    alone.length === 0 ? [] : tx.query<LockedAttempt>(LOCK_ATTEMPTS, [alone]),
    moving.length === 0 ? [] : tx.query<LockedAttempt>(LOCK_ATTEMPTS_AND_BUILDS, [moving]),
  ]);
  return {
    shards: new Map(shards.map((row) => [fenceKey({ ...row, providerId: row.provider_id }), row])),
    attempts: new Map(rows.flat().map((row) => [row.id, row])),
  };
}

function fenceKey({ providerId, host, shard, token }: ShardLease): string {
  return [providerId, host, shard, token].join('|');
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
