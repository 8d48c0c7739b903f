import type { Database } from '../database/database.js';
import {
  shardColumns,
  type DispatcherRegistration,
  type Heartbeat,
  type HeartbeatResult,
  type ShardLease,
  type ShardView,
} from './shard-lease.js';
import {
  ACQUIRE_SHARDS,
  DEREGISTER,
  ENSURE_SHARDS,
  FIND_HELD,
  FORGET_GONE,
  HEARTBEAT,
  LIST_SHARDS,
  REGISTER,
  RELEASE_SHARDS,
} from './statements.js';

export type { ShardLease } from './shard-lease.js';

interface HeartbeatRow {
  readonly lease_until: Date | null;
  readonly database_now: Date;
  readonly paused: boolean;
  readonly live: readonly { readonly id: string; readonly host: string }[];
}

interface ShardRow {
  readonly provider_id: string;
  readonly host: string;
  readonly shard: number;
  readonly token: string;
}

interface ListedRow extends Omit<ShardRow, 'token'> {
  readonly owner: string | null;
  readonly owner_alive: boolean;
  readonly token: string | null;
}

export interface AcquireRequest {
  readonly dispatcherId: string;
  readonly providerId: string;
  readonly host: string;
  readonly shards: readonly number[];
  /** At most this many in one call. */
  readonly max: number;
  /** The database's time as the asker knows it; undefined while it may not judge: then only free shards are taken. */
  readonly judgedAt: Date | undefined;
}

/**
 * Two kinds of lease. A dispatcher's own is one row that it renews: time of the database only. What it owns on clusters
 * are shards, each with a random token per acquisition; a shard may be taken when it is free or its owner's lease has
 * run out, and the old owner's fenced writes then match no row. A lapsed lease is never renewed: whoever let it lapse
 * comes back under a new id.
 */
export class PostgresLeases {
  readonly #ensured = new Set<string>();

  constructor(private readonly database: Database) {}

  /** @returns the database's time, by which its holder judges from here on */
  async register(registration: DispatcherRegistration): Promise<Date> {
    const { id, host, version, slots, leaseMs } = registration;
    const parameters = [id, host, version, slots, leaseMs];
    const [row] = await this.database.query<Pick<HeartbeatRow, 'database_now'>>(REGISTER, parameters);
    if (row === undefined) throw new Error('a registration always returns one row');
    return row.database_now;
  }

  async heartbeat(heartbeat: Heartbeat): Promise<HeartbeatResult> {
    const { id, leaseMs, slotsUsed, metrics, unreachableProviders, stopping } = heartbeat;
    const [row] = await this.database.query<HeartbeatRow>(HEARTBEAT, [
      id,
      leaseMs,
      slotsUsed,
      JSON.stringify(metrics),
      [...unreachableProviders],
      stopping ?? false,
    ]);
    if (row === undefined) throw new Error('a heartbeat always returns one row');
    return {
      alive: row.lease_until !== null,
      leaseUntil: row.lease_until ?? row.database_now,
      databaseNow: row.database_now,
      paused: row.paused,
      liveDispatchers: row.live,
    };
  }

  /** The dispatcher is gone for good: its shards are free at once, and its claims may be released. */
  async deregister(id: string): Promise<void> {
    await this.database.query(DEREGISTER, [id]);
  }

  /** Deletes the rows of dispatchers that are long gone; nothing when the database's time is not `judgedAt` now. @returns how many */
  async forgetGone(judgedAt: Date): Promise<number> {
    return (await this.database.query(FORGET_GONE, [judgedAt])).length;
  }

  async listShards(): Promise<ShardView[]> {
    const rows = await this.database.query<ListedRow>(LIST_SHARDS);
    return rows.map((row) => ({
      providerId: row.provider_id,
      host: row.host,
      shard: row.shard,
      owner: row.owner ?? undefined,
      ownerAlive: row.owner_alive,
      token: row.token ?? undefined,
    }));
  }

  /**
   * Makes sure of a provider's shard rows. Never part of another transaction: its foreign key would lock the provider
   * out of order.
   */
  async ensureShards(providerId: string, host: string, count: number): Promise<void> {
    const key = `${providerId}/${host}/${count}`;
    if (this.#ensured.has(key)) return;
    await this.database.query(ENSURE_SHARDS, [providerId, host, count]);
    this.#ensured.add(key);
  }

  /**
   * Takes those of the wanted shards that are free or, while the judge's time is right, whose owner is dead; nothing when
   * the asker's own lease is over.
   */
  async acquire(request: AcquireRequest): Promise<ShardLease[]> {
    const { dispatcherId, providerId, host, shards, max, judgedAt } = request;
    const rows = await this.database.query<ShardRow>(ACQUIRE_SHARDS, [
      dispatcherId,
      providerId,
      host,
      [...shards],
      max,
      judgedAt ?? null,
    ]);
    return rows.map((row) => ({ providerId, host, shard: row.shard, token: row.token }));
  }

  /** What the database says that a dispatcher holds: an acquisition whose answer was lost is found with it. */
  async findHeld(dispatcherId: string): Promise<ShardLease[]> {
    const rows = await this.database.query<ShardRow>(FIND_HELD, [dispatcherId]);
    return rows.map((row) => ({ providerId: row.provider_id, host: row.host, shard: row.shard, token: row.token }));
  }

  /** Gives shards up; one that another has taken meanwhile is left alone. */
  async release(request: { readonly leases: readonly ShardLease[] }): Promise<void> {
    await this.database.query(RELEASE_SHARDS, shardColumns(request.leases));
  }
}
