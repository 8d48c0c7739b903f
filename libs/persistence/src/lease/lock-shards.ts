import type { Statement, Transaction } from '../database/transaction.js';
import { shardColumns, type ShardLease } from './shard-lease.js';

/**
 * The fences of a batch: $1 providers, $2 hosts, $3 shards, $4 tokens, one each. A row that is missing is a lease that is
 * lost. Index: primary key. Locks: the shards, shared, in the order of their keys.
 */
export const LOCK_SHARDS: Statement = {
  name: 'lock_shards',
  text: `
  SELECT s.provider_id, s.host, s.shard, s.token, 'dispatcher:' || s.owner::text AS actor
    FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::uuid[]) AS f (provider_id, host, shard, token)
    JOIN cluster_shards s ON s.provider_id = f.provider_id AND s.host = f.host AND s.shard = f.shard AND s.token = f.token
   ORDER BY s.provider_id, s.host, s.shard
     FOR SHARE OF s`,
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
    this.#actors = new Map(rows.map((row) => [keyOf({ ...row, providerId: row.provider_id }), row.actor]));
  }

  static async lock(tx: Transaction, fences: readonly ShardLease[]): Promise<HeldShards> {
    const once = [...new Map(fences.map((fence) => [keyOf(fence), fence])).values()];
    return new HeldShards(await tx.query<ShardRow>(LOCK_SHARDS, shardColumns(once)));
  }

  has(fence: ShardLease): boolean {
    return this.#actors.has(keyOf(fence));
  }

  actorOf(fence: ShardLease): string | undefined {
    return this.#actors.get(keyOf(fence));
  }
}

function keyOf({ providerId, host, shard, token }: ShardLease): string {
  return [providerId, host, shard, token].join('|');
}
