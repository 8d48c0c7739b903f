import { DomainError } from '@image-factory/domain';
import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/database.js';
import type { Queryable, Transaction } from '../database/transaction.js';
import { hasLease } from '../lease/judged-time.js';
import type { DiscoveryInput, DiscoveryProgress, DiscoveryRun, TakenRun } from './discovered-cluster.js';

interface RunRow {
  id: string;
  status: DiscoveryRun['status'];
  input: DiscoveryInput;
  progress: DiscoveryProgress[];
  reason: string | null;
  message: string | null;
  created_by: string;
  created_at: Date;
  finished_at: Date | null;
}

/** Makes those who schedule and take runs wait for each other: "ifdi" in ASCII. */
const RUN_LOCK = 0x69666469;
const COLUMNS = 'id, status, input, progress, reason, message, created_by, created_at, finished_at';
const DISCOVERY = 'discovery';

/**
 * Runs of discovery as job rows: written by the API or by the schedule, carried out by one dispatcher at a time. A run
 * whose dispatcher is dead is taken over from its beginning: listing twice changes nothing.
 */
export class PostgresDiscoveryRuns {
  constructor(private readonly database: Database) {}

  /** A run for the next dispatcher that looks. */
  async create(tx: Queryable, createdBy: string, input: DiscoveryInput): Promise<DiscoveryRun> {
    const [row] = await tx.query<RunRow>(
      `INSERT INTO jobs (id, type, input, created_by) VALUES ($1, $2, $3, $4) RETURNING ${COLUMNS}`,
      [uuidv7(), DISCOVERY, JSON.stringify(input), createdBy],
    );
    return toRun(row as RunRow);
  }

  /** @throws DomainError NotFound */
  async get(id: string, queryable: Queryable = this.database): Promise<DiscoveryRun> {
    const [row] = await queryable.query<RunRow>(`SELECT ${COLUMNS} FROM jobs WHERE id = $1 AND type = $2`, [
      id,
      DISCOVERY,
    ]);
    if (row !== undefined) return toRun(row);
    throw new DomainError({ kind: 'NotFound', reason: 'NotFound', message: `there is no discovery run ${id}` });
  }

  /**
   * A run of the schedule over these scopes, when the last run began longer ago than this and none waits or runs: whoever
   * takes it looks at what was configured where it was scheduled. Index: jobs_type. Locks:
   * schedulers and takers, for the statement.
   */
  async schedule(everyMs: number, input: DiscoveryInput): Promise<'scheduled' | 'not-due'> {
    return this.database.transaction(async (tx) => {
      await lockRuns(tx);
      const rows = await tx.query<{ id: string }>(
        `INSERT INTO jobs (id, type, input, created_by)
         SELECT $1, $2, $4::jsonb, 'schedule'
          WHERE NOT EXISTS (SELECT 1 FROM jobs j WHERE j.type = $2
                               AND (j.created_at > now() - make_interval(secs => $3 / 1000.0)
                                    OR j.status IN ('pending', 'running')))
         RETURNING id`,
        [uuidv7(), DISCOVERY, everyMs, JSON.stringify(input)],
      );
      return rows.length > 0 ? 'scheduled' : 'not-due';
    });
  }

  /**
   * The oldest run that waits, or one whose dispatcher is dead; none while another dispatcher carries one out. Index:
   * jobs_due. Locks: takers, for the statement; the row.
   */
  async take(dispatcherId: string): Promise<TakenRun | undefined> {
    return this.database.transaction(async (tx) => {
      await lockRuns(tx);
      const [row] = await tx.query<{ id: string; token: string; input: DiscoveryInput }>(
        `WITH live AS (SELECT id FROM dispatchers d WHERE ${hasLease('d')} AND state <> 'stopped')
         UPDATE jobs SET status = 'running', owner = $1, token = $2, attempts = attempts + 1, progress = '[]'
          WHERE id = (SELECT j.id FROM jobs j
                       WHERE j.type = $3 AND j.run_after <= now()
                         AND (j.status = 'pending'
                              OR j.status = 'running' AND (j.owner = $1 OR j.owner NOT IN (SELECT id FROM live)))
                       ORDER BY j.created_at LIMIT 1)
            AND NOT EXISTS (SELECT 1 FROM jobs o
                             WHERE o.type = $3 AND o.status = 'running' AND o.owner <> $1
                               AND o.owner IN (SELECT id FROM live))
         RETURNING id, token, input`,
        [dispatcherId, randomUUID(), DISCOVERY],
      );
      return row;
    });
  }

  /** Adds one scope. False: the run is another's now. */
  async progress(run: TakenRun, step: DiscoveryProgress): Promise<boolean> {
    const rows = await this.database.query<{ id: string }>(
      `UPDATE jobs SET progress = progress || $3::jsonb WHERE id = $1 AND token = $2 AND status = 'running' RETURNING id`,
      [run.id, run.token, JSON.stringify([step])],
    );
    return rows.length > 0;
  }

  /** Ends a run. One with problems has succeeded all the same: they stand in its progress. */
  async finish(run: TakenRun, failure?: { readonly reason: string; readonly message: string }): Promise<void> {
    await this.database.query(
      `UPDATE jobs SET status = $3, reason = $4, message = $5, finished_at = now(), owner = NULL
        WHERE id = $1 AND token = $2 AND status = 'running'`,
      [
        run.id,
        run.token,
        failure === undefined ? 'succeeded' : 'failed',
        failure?.reason ?? null,
        failure?.message ?? null,
      ],
    );
    await this.database.query(`DELETE FROM jobs WHERE type = $1 AND finished_at < now() - interval '30 days'`, [
      DISCOVERY,
    ]);
  }
}

async function lockRuns(tx: Transaction): Promise<void> {
  await tx.query('SELECT pg_advisory_xact_lock($1)', [RUN_LOCK]);
}

function toRun(row: RunRow): DiscoveryRun {
  return {
    id: row.id,
    status: row.status,
    input: row.input,
    progress: row.progress,
    reason: row.reason ?? undefined,
    message: row.message ?? undefined,
    createdBy: row.created_by,
    createdAt: row.created_at,
    finishedAt: row.finished_at ?? undefined,
  };
}
