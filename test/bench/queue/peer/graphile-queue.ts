import { Logger, makeWorkerUtils, run, type Runner } from 'graphile-worker';
import pg from 'pg';
import type { DrainRequest, QueueContender } from './queue-contender.ts';

const SILENT = new Logger(() => () => undefined);
const CONCURRENCY = 24;
const ADDED_AT_ONCE = 50_000;

export interface GraphileJobs {
  readonly count: number;
  /** SQL of a queue's name (at most one job of a queue runs at a time), of the n-th job. */
  readonly queue?: string;
}

/** graphile-worker in this process, as its documents start it. */
export class GraphileDatabase {
  readonly url: string;
  readonly pool: pg.Pool;

  private constructor(url: string) {
    this.url = url;
    this.pool = new pg.Pool({ connectionString: url, max: 16 });
    this.pool.on('error', () => undefined);
  }

  static async open(url: string): Promise<GraphileDatabase> {
    const utils = await makeWorkerUtils({ connectionString: url, logger: SILENT });
    await utils.migrate();
    await utils.release();
    return new GraphileDatabase(url);
  }

  async add({ count, queue }: GraphileJobs): Promise<void> {
    for (let done = 0; done < count; done += ADDED_AT_ONCE) {
      await this.pool.query(
        `SELECT count(*) FROM graphile_worker.add_jobs((
           SELECT array_agg(('bench', '{}'::json, ${queue ?? 'NULL'}, now(), 1, NULL, 0, NULL)::graphile_worker.job_spec)
             FROM generate_series($1::integer, $2::integer) AS n))`,
        [done + 1, Math.min(count, done + ADDED_AT_ONCE)],
      );
    }
    if (count > 10_000) await this.pool.query('VACUUM ANALYZE graphile_worker._private_jobs');
  }

  async topUp(backlog: number): Promise<void> {
    const { rows } = await this.pool.query<{ n: string }>('SELECT count(*) AS n FROM graphile_worker._private_jobs');
    const missing = backlog - Number(rows[0]?.n ?? 0);
    if (missing > 0) await this.add({ count: missing });
  }

  /** `prefetch` 0: the defaults, a job at a time; else its batch mode, fetch and completion both. */
  contender(name: string, prefetch: number): QueueContender {
    return {
      name,
      topUp: (backlog) => this.topUp(backlog),
      drain: (request) => this.drain(prefetch, request),
      close: () => Promise.resolve(),
    };
  }

  /** Jobs per second from the first job's start until enough were done. */
  async drain(prefetch: number, { jobs, limitMs }: DrainRequest): Promise<number> {
    let done = 0;
    let firstMs = 0;
    let finished: () => void = () => undefined;
    const enough = new Promise<void>((resolve) => (finished = resolve));
    const timer = setTimeout(() => finished(), limitMs);
    const runner = await this.start(prefetch, () => {
      if (done === 0) firstMs = performance.now();
      done += 1;
      if (done >= jobs) finished();
    });
    await enough;
    const seconds = (performance.now() - firstMs) / 1000;
    const counted = done;
    clearTimeout(timer);
    await runner.stop();
    return counted === 0 ? 0 : counted / seconds;
  }

  async start(prefetch: number, onJob: (payload: unknown) => void): Promise<Runner> {
    const batching = { localQueue: { size: prefetch }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
    return run({
      connectionString: this.url,
      concurrency: CONCURRENCY,
      noHandleSignals: true,
      logger: SILENT,
      taskList: { bench: (payload) => onJob(payload) },
      preset: { worker: { maxPoolSize: CONCURRENCY, ...(prefetch > 0 ? batching : {}) } },
    });
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}
