import type { Database } from '../database/database.js';

/** The queue of all tenants together, now. */
export interface QueueTotals {
  /** Builds in the claim order. */
  readonly queued: number;
  /** Builds that wait for a time or an event. */
  readonly parked: number;
  readonly running: number;
  /** Longest wait among the builds that are next in their tenants, in seconds; 0 when none waits. */
  readonly longestWaitSeconds: number;
  /** True while an administrator has stopped the dispatch. */
  readonly paused: boolean;
}

/**
 * Index: builds_claim, once for each tenant with builds in the order; the lanes, a row per tenant, are scanned. No lock.
 * The head of a lane is not always its oldest build, but nothing behind it moves before it does.
 */
const TOTALS = `
  SELECT coalesce(sum(l.queued), 0)::int AS queued, coalesce(sum(l.parked), 0)::int AS parked,
         coalesce(sum(l.running), 0)::int AS running,
         coalesce(max(extract(epoch FROM now() - h.queued_at)), 0)::float8 AS "longestWaitSeconds",
         (SELECT dispatch_paused FROM installation) AS paused
    FROM lanes l
    LEFT JOIN LATERAL (
      SELECT b.queued_at FROM builds b
       WHERE l.queued > 0 AND b.tenant_id = l.tenant_id AND b.queue_key IS NOT NULL
       ORDER BY b.queue_key LIMIT 1) h ON true`;

/** Reads what the metrics show of the queue. */
export class PostgresQueueTotals {
  constructor(private readonly database: Database) {}

  async read(): Promise<QueueTotals> {
    const [row] = await this.database.query<QueueTotals>(TOTALS);
    return row ?? { queued: 0, parked: 0, running: 0, longestWaitSeconds: 0, paused: false };
  }
}
