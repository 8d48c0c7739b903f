import type { Statement, Transaction } from '../database/transaction.js';
import { shardColumns, type ShardLease } from './shard-lease.js';

/** Fences that hold: of $1 providers, $2 hosts, $3 shards, $4 tokens, one each. */
const FENCES = `
    FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::uuid[]) AS f (provider_id, host, shard, token)
    JOIN cluster_shards s ON s.provider_id = f.provider_id AND s.host = f.host AND s.shard = f.shard AND s.token = f.token`;

const lockShards = (waiting: '' | ' SKIP LOCKED'): string => `
  SELECT s.provider_id, s.host, s.shard, s.token, 'dispatcher:' || s.owner::text AS actor${FENCES}
   ORDER BY s.provider_id, s.host, s.shard
     FOR SHARE OF s${waiting}`;

/**
 * The fences of a batch: $1 providers, $2 hosts, $3 shards, $4 tokens, one each. A row that is missing is a lease that is
 * lost. Index: primary key. Locks: the shards, shared, in the order of their keys.
 */
export const LOCK_SHARDS: Statement = { name: 'lock_shards', text: lockShards('') };

/** The same, of shards that nobody else locks at present: a row that is missing is a lease that is lost, or one of those. */
export const LOCK_FREE_SHARDS: Statement = { name: 'lock_free_shards', text: lockShards(' SKIP LOCKED') };

/** Which of these fences hold, locked or not. Index: primary key. Locks nothing. */
export const FIND_SHARDS: Statement = {
  name: 'find_shards',
  text: `SELECT s.provider_id, s.host, s.shard, s.token${FENCES}`,
};

interface ShardRow {
  readonly provider_id: string;
  readonly host: string;
  readonly shard: number;
  readonly token: string;
  readonly actor: string;
}

/** The fences that hold, locked until their transaction ends; each with its actor, `dispatcher:<id>`. */
export class HeldShards {
  readonly #actors: ReadonlyMap<string, string>;

  private constructor(rows: readonly ShardRow[]) {
    this.#actors = new Map(rows.map((row) => [fenceKey({ ...row, providerId: row.provider_id }), row.actor]));
  }

  static async lock(tx: Transaction, fences: readonly ShardLease[]): Promise<HeldShards> {
    return new HeldShards(await tx.query<ShardRow>(LOCK_SHARDS, shardColumns(distinct(fences))));
  }

  /** Waits for nobody: a fence behind somebody's lock is not among them. */
  static async lockFree(tx: Transaction, fences: readonly ShardLease[]): Promise<HeldShards> {
    return new HeldShards(await tx.query<ShardRow>(LOCK_FREE_SHARDS, shardColumns(distinct(fences))));
  }

  /** Keys (`fenceKey`) of those of these fences that are not locked here and hold all the same: somebody locks their shard. */
  async findBusy(tx: Transaction, fences: readonly ShardLease[]): Promise<ReadonlySet<string>> {
    const missing = distinct(fences).filter((fence) => !this.has(fence));
    if (missing.length === 0) return new Set();
    const rows = await tx.query<ShardRow>(FIND_SHARDS, shardColumns(missing));
    return new Set(rows.map((row) => fenceKey({ ...row, providerId: row.provider_id })));
  }

  has(fence: ShardLease): boolean {
    return this.#actors.has(fenceKey(fence));
  }

  actorOf(fence: ShardLease): string | undefined {
    return this.#actors.get(fenceKey(fence));
  }
}

/** Of a shard under one token. */
export function fenceKey({ providerId, host, shard, token }: ShardLease): string {
  return [providerId, host, shard, token].join('|');
}

function distinct(fences: readonly ShardLease[]): readonly ShardLease[] {
  return [...new Map(fences.map((fence) => [fenceKey(fence), fence])).values()];
}
