import { EventEmitter } from 'node:events';
import { Logger, makeWorkerUtils, run, type WorkerEvents } from 'graphile-worker';
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
    this.pool = openPool(url, 16);
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

  /** Jobs that a worker could have now: those that the workers of a drain held when it ended may stay locked for hours. */
  async queued(): Promise<number> {
    const { rows } = await this.pool.query<{ n: string }>(
      'SELECT count(*) AS n FROM graphile_worker._private_jobs WHERE is_available AND run_at <= now()',
    );
    return Number(rows[0]?.n ?? 0);
  }

  async topUp(backlog: number): Promise<void> {
    const missing = backlog - (await this.queued());
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

  /** Jobs per second from the first job's start until enough were done, or `limitMs` after the workers were up. */
  async drain(prefetch: number, { jobs, limitMs }: DrainRequest): Promise<number> {
    let done = 0;
    let firstMs = 0;
    let finished: () => void = () => undefined;
    const enough = new Promise<void>((resolve) => (finished = resolve));
    let timer: NodeJS.Timeout | undefined;
    const events: WorkerEvents = new EventEmitter();
    events.once('pool:listen:success', () => (timer = setTimeout(() => finished(), limitMs)));
    const onJob = (): void => {
      if (done === 0) firstMs = performance.now();
      done += 1;
      if (done >= jobs) finished();
    };
    const runner = await this.start(prefetch, onJob, events);
    await enough;
    const seconds = (performance.now() - firstMs) / 1000;
    const counted = done;
    clearTimeout(timer);
    await runner.stop();
    return counted === 0 ? 0 : counted / seconds;
  }

  /** With a pool of ours: the one that it makes itself is still closing, and deaf to errors, when `stop` is done. */
  async start(
    prefetch: number,
    onJob: (payload: unknown) => void,
    events: WorkerEvents = new EventEmitter(),
  ): Promise<{ stop(): Promise<void> }> {
    const batching = { localQueue: { size: prefetch }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
    const pool = openPool(this.url, CONCURRENCY);
    const runner = await run({
      pgPool: pool,
      events,
      concurrency: CONCURRENCY,
      noHandleSignals: true,
      logger: SILENT,
      taskList: { bench: (payload) => onJob(payload) },
      ...(prefetch > 0 ? { preset: { worker: batching } } : {}),
    });
    return {
      stop: async () => {
        await runner.stop();
        await pool.end();
      },
    };
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}

function openPool(url: string, max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}
