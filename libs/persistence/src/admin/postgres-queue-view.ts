import type { Database } from '../database/database.js';
import { type Page, type PageRequest, toPage } from '../sql/page.js';

/** A tenant's share of the queue, now. */
export interface LaneView {
  readonly tenantId: string;
  readonly tenantName: string;
  readonly running: number;
  /** In the claim order. */
  readonly queued: number;
  /** Waiting for a time or an event. */
  readonly parked: number;
  readonly maxConcurrentBuilds: number;
  readonly guaranteedBuilds: number;
  readonly maxQueuedBuilds: number;
  readonly weight: number;
  /** Seconds since the oldest build in the claim order began to wait; undefined when none waits. */
  readonly oldestWaitSeconds: number | undefined;
  /** Builds that ended in the last hour. */
  readonly finishedLastHour: number;
}

/** Where a queued build stands. */
export interface QueuePosition {
  /** 1 is next in its tenant. */
  readonly position: number;
  readonly running: number;
  readonly maxRunning: number;
  readonly dispatchPaused: boolean;
  readonly liveDispatchers: number;
}

interface LaneRow {
  tenant_id: string;
  name: string;
  running: number;
  queued: number;
  parked: number;
  max_concurrent_builds: number;
  guaranteed_builds: number;
  max_queued_builds: number;
  weight: number;
  oldest_wait_seconds: number | null;
  finished_last_hour: number;
}

/**
 * Smallest UUIDv7 of a build that is looked at for the throughput: older ones than 25 hours are not, so that the scan of
 * `builds_list` is bounded.
 */
const SCAN_FLOOR = `(lpad(to_hex((extract(epoch FROM now() - interval '25 hours') * 1000)::bigint), 12, '0')
  || '70008000000000000000')::uuid`;

const SELECT = `
  SELECT l.tenant_id, t.name, l.running, l.queued, l.parked, t.max_concurrent_builds, t.guaranteed_builds,
         t.max_queued_builds, l.weight,
         (SELECT greatest(0, extract(epoch FROM now() - min(b.queued_at)))::float8 FROM builds b
           WHERE b.tenant_id = l.tenant_id AND b.queue_key IS NOT NULL) AS oldest_wait_seconds,
         (SELECT count(*)::int FROM builds b WHERE b.tenant_id = l.tenant_id AND b.id >= ${SCAN_FLOOR}
             AND b.finished_at > now() - interval '1 hour') AS finished_last_hour
    FROM lanes l JOIN tenants t ON t.id = l.tenant_id`;

/** Reads of the queue for people; counters come from the lanes, nothing is locked. */
export class PostgresQueueView {
  constructor(private readonly database: Database) {}

  async ofTenant(tenantId: string): Promise<LaneView | undefined> {
    const [row] = await this.database.query<LaneRow>(`${SELECT} WHERE l.tenant_id = $1`, [tenantId]);
    return row === undefined ? undefined : toLaneView(row);
  }

  /** All tenants, by id. */
  async ofAll(page: PageRequest): Promise<Page<LaneView>> {
    const rows = await this.database.query<LaneRow>(
      `${SELECT} WHERE $2::uuid IS NULL OR l.tenant_id > $2 ORDER BY l.tenant_id LIMIT $1`,
      [page.limit + 1, page.after ?? null],
    );
    return toPage(rows, page.limit, toLaneView, (row) => row.tenant_id);
  }

  /** Where a build with this key stands in its tenant (index `builds_claim`) and what may hold it. */
  async position(tenantId: string, queueKey: number): Promise<QueuePosition> {
    const [row] = await this.database.query<{
      ahead: number;
      running: number;
      max_running: number;
      dispatch_paused: boolean;
      live_dispatchers: number;
    }>(
      `SELECT (SELECT count(*)::int FROM builds WHERE tenant_id = $1 AND queue_key < $2) AS ahead,
              l.running, l.max_running, (SELECT dispatch_paused FROM installation) AS dispatch_paused,
              (SELECT count(*)::int FROM dispatchers WHERE state = 'running' AND lease_until > now()) AS live_dispatchers
         FROM lanes l WHERE l.tenant_id = $1`,
      [tenantId, queueKey],
    );
    return {
      position: (row?.ahead ?? 0) + 1,
      running: row?.running ?? 0,
      maxRunning: row?.max_running ?? 0,
      dispatchPaused: row?.dispatch_paused ?? false,
      liveDispatchers: row?.live_dispatchers ?? 0,
    };
  }
}

function toLaneView(row: LaneRow): LaneView {
  return {
    tenantId: row.tenant_id,
    tenantName: row.name,
    running: row.running,
    queued: row.queued,
    parked: row.parked,
    maxConcurrentBuilds: row.max_concurrent_builds,
    guaranteedBuilds: row.guaranteed_builds,
    maxQueuedBuilds: row.max_queued_builds,
    weight: row.weight,
    oldestWaitSeconds: row.oldest_wait_seconds ?? undefined,
    finishedLastHour: row.finished_last_hour,
  };
}
