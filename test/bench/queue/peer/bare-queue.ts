import pg from 'pg';
import { loopRate } from '../../measure/closed-loop.ts';
import type { DrainRequest, QueueContender } from './queue-contender.ts';

/** One table of wide rows with history kept: the least that SQL itself has to do for a queue. */
const SCHEMA = `
  CREATE TABLE bare_jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant integer NOT NULL,
    status text NOT NULL DEFAULT 'queued',
    queue_key bigint,
    payload text NOT NULL,
    claimed_at timestamptz,
    finished_at timestamptz
  ) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
  CREATE INDEX bare_jobs_claim ON bare_jobs (queue_key) WHERE queue_key IS NOT NULL;
  CREATE INDEX bare_jobs_list ON bare_jobs (tenant, id DESC)`;

const CLAIM = {
  name: 'bare_claim',
  text: `
  WITH head AS MATERIALIZED (
    SELECT id FROM bare_jobs WHERE queue_key IS NOT NULL ORDER BY queue_key LIMIT $1 FOR UPDATE SKIP LOCKED
  )
  UPDATE bare_jobs b SET status = 'running', queue_key = NULL, claimed_at = now() FROM head WHERE b.id = head.id
  RETURNING b.id`,
};
const END = {
  name: 'bare_end',
  text: `UPDATE bare_jobs SET status = 'completed', finished_at = now() WHERE id = ANY ($1::bigint[])`,
};

/** The control of every drain: two UPDATEs for each batch, from this same process. */
export class BareDatabase {
  readonly pool: pg.Pool;

  private constructor(url: string) {
    this.pool = new pg.Pool({ connectionString: url, max: 64 });
    this.pool.on('error', () => undefined);
  }

  static async open(url: string): Promise<BareDatabase> {
    const database = new BareDatabase(url);
    await database.pool.query(SCHEMA);
    return database;
  }

  async topUp(backlog: number): Promise<void> {
    const { rows } = await this.pool.query<{ n: string }>(
      'SELECT count(*) AS n FROM bare_jobs WHERE queue_key IS NOT NULL',
    );
    const missing = backlog - Number(rows[0]?.n ?? 0);
    if (missing <= 0) return;
    await this.pool.query(
      `INSERT INTO bare_jobs (tenant, queue_key, payload)
       SELECT n % 200, floor(extract(epoch FROM now()) * 1000)::bigint + n, repeat('x', 300) FROM generate_series(1, $1::integer) AS n`,
      [missing],
    );
    if (missing > 10_000) await this.pool.query('VACUUM ANALYZE bare_jobs');
  }

  contender(
    name: string,
    options: { readonly batch: number; readonly loops: number; readonly ends: boolean },
  ): QueueContender {
    const take = async (): Promise<number> => {
      const { rows } = await this.pool.query<{ id: string }>({ ...CLAIM, values: [options.batch] });
      if (options.ends && rows.length > 0) await this.pool.query({ ...END, values: [rows.map((row) => row.id)] });
      return rows.length;
    };
    return {
      name,
      topUp: (backlog) => this.topUp(backlog),
      drain: (request: DrainRequest) =>
        loopRate({ loops: options.loops, items: request.jobs, limitMs: request.limitMs }, take),
      close: () => Promise.resolve(),
    };
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}
