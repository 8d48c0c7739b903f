import type { Database } from '../database/database.js';
import type { Transaction } from '../database/transaction.js';
import { hasLease } from '../lease/judged-time.js';

/** A dispatcher process as its heartbeat shows it. */
export interface DispatcherView {
  readonly id: string;
  readonly host: string;
  readonly version: string;
  /** `lost`: it stopped heartbeating without saying good-bye. */
  readonly state: 'running' | 'stopping' | 'stopped' | 'lost';
  readonly slots: number;
  readonly slotsUsed: number;
  readonly shards: number;
  readonly startedAt: Date;
  readonly heartbeatAt: Date;
  readonly leaseUntil: Date;
  /** Numbers that the dispatcher wrote with its last heartbeat. */
  readonly metrics: Readonly<Record<string, unknown>>;
}

/** Whether claims are stopped on all dispatchers. */
export interface DispatchPause {
  readonly paused: boolean;
  readonly reason: string | undefined;
}

/** How much may run in all tenants together, and how much does. */
export interface DispatchLimits {
  /** Undefined: no limit but those of tenants and providers. */
  readonly maxConcurrentBuilds: number | undefined;
  readonly running: number;
}

interface DispatcherRow {
  id: string;
  host: string;
  version: string;
  state: 'running' | 'stopping' | 'stopped';
  alive: boolean;
  slots: number;
  slots_used: number;
  shards: number;
  started_at: Date;
  heartbeat_at: Date;
  lease_until: Date;
  metrics: Record<string, unknown>;
}

/** What admins see of dispatchers, and the switch that stops all claims. */
export class PostgresDispatchAdmin {
  constructor(private readonly database: Database) {}

  /** Dispatchers that live, and those that went in the last hour. */
  async dispatchers(): Promise<readonly DispatcherView[]> {
    const rows = await this.database.query<DispatcherRow>(
      `SELECT d.id, d.host, d.version, d.state, ${hasLease('d', 'now()')} AS alive, d.slots, d.slots_used, d.started_at,
              d.heartbeat_at, d.lease_until, d.metrics,
              (SELECT count(*)::int FROM cluster_shards s WHERE s.owner = d.id) AS shards
         FROM dispatchers d WHERE d.heartbeat_at > now() - interval '1 hour' ORDER BY d.started_at DESC LIMIT 200`,
    );
    return rows.map((row) => ({
      id: row.id,
      host: row.host,
      version: row.version,
      state: row.state !== 'stopped' && !row.alive ? 'lost' : row.state,
      slots: row.slots,
      slotsUsed: row.slots_used,
      shards: row.shards,
      startedAt: row.started_at,
      heartbeatAt: row.heartbeat_at,
      leaseUntil: row.lease_until,
      metrics: row.metrics,
    }));
  }

  async pause(): Promise<DispatchPause> {
    const [row] = await this.database.query<{ dispatch_paused: boolean; dispatch_paused_reason: string | null }>(
      'SELECT dispatch_paused, dispatch_paused_reason FROM installation',
    );
    return { paused: row?.dispatch_paused ?? false, reason: row?.dispatch_paused_reason ?? undefined };
  }

  async limits(): Promise<DispatchLimits> {
    const [row] = await this.database.query<{ max_concurrent_builds: number | null; running: number }>(
      `SELECT max_concurrent_builds, (SELECT coalesce(sum(running), 0)::integer FROM lanes) AS running FROM installation`,
    );
    return { maxConcurrentBuilds: row?.max_concurrent_builds ?? undefined, running: row?.running ?? 0 };
  }

  /** Holds for the next claim; what runs goes on. Null: no limit. */
  async setLimit(tx: Transaction, maxConcurrentBuilds: number | null): Promise<void> {
    await tx.query('UPDATE installation SET max_concurrent_builds = $1', [maxConcurrentBuilds]);
  }

  async setPause(tx: Transaction, pause: DispatchPause): Promise<void> {
    await tx.query('UPDATE installation SET dispatch_paused = $1, dispatch_paused_reason = $2', [
      pause.paused,
      pause.paused ? (pause.reason ?? null) : null,
    ]);
  }
}
