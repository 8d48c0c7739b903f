import type { LogStep } from '@image-factory/domain';
import type { ShardLease } from '@image-factory/persistence';
import { appendLog } from '@image-factory/test-support';
import pg from 'pg';
import { type BuildWorld } from '../queue/build-world.ts';
import { buildLine, rawBytes, records } from './build-lines.ts';
import { copyIn } from './copy-in.ts';

/** Something that stores lines; the rate counts those that it was given. */
export interface LogWriter {
  readonly name: string;
  /** Stores `lines` lines over 4 connections. */
  write(lines: number): Promise<void>;
}

const CONNECTIONS = 4;
const STEP: LogStep = { task: 'build', step: 'build', ordinal: 10 };

export interface Stream {
  readonly executionId: string;
  readonly day: string;
  readonly fence: ShardLease;
}

/** Placed executions of one shard, whose logs can be written. */
export async function openStreams(world: BuildWorld, count: number): Promise<Stream[]> {
  const tenants = await world.tenants(1, { maxRunning: 1_000_000 });
  await world.topUp(tenants, count);
  const dispatcherId = await world.dispatcher();
  const fence = await world.shard(dispatcherId);
  const streams: Stream[] = [];
  while (streams.length < count) {
    const { claimed } = await world.queue.claim({ dispatcherId, limit: 100 });
    for (const one of claimed.slice(0, count - streams.length)) {
      await world.queue.place(world.placement(one, dispatcherId, fence.providerId));
      const [row] = await world.rows<{ day: string }>(
        'SELECT log_day::text AS day FROM build_executions WHERE id = $1',
        [one.executionId],
      );
      streams.push({ executionId: one.executionId, day: row?.day ?? '', fence });
    }
  }
  await world.logs.ensurePartitions(1);
  return streams;
}

/** Steps that one flush holds: a dispatcher writes all that wait on a shard in one transaction. */
const STEPS_PER_FLUSH = 4;

/** The product's own store: `linesPerStep` lines of each step of a flush, packed, compressed, compared and set. */
export async function chunkWriter(world: BuildWorld, linesPerStep: number): Promise<LogWriter> {
  const streams = await openStreams(world, CONNECTIONS * STEPS_PER_FLUSH);
  const [first] = streams;
  if (first === undefined) throw new Error('no execution to write for');
  const { fence } = first;
  const batch = records(0, linesPerStep);
  const bytes = rawBytes(batch);
  let expectedByteOffset = 0;
  return {
    name: 'chunks',
    write: async (lines) => {
      const flushes = Math.ceil(lines / (CONNECTIONS * STEPS_PER_FLUSH * linesPerStep));
      const startOffset = expectedByteOffset;
      expectedByteOffset += flushes * bytes;
      await Promise.all(
        Array.from({ length: CONNECTIONS }, async (_unused, connection) => {
          const own = streams.slice(connection * STEPS_PER_FLUSH, (connection + 1) * STEPS_PER_FLUSH);
          for (let flush = 0; flush < flushes; flush += 1) {
            const at = startOffset + flush * bytes;
            const batches = own.map(({ executionId, day }) => ({
              executionId,
              day,
              step: STEP,
              records: batch,
              expectedByteOffset: at,
            }));
            const stored = await appendLog(world.logs, fence, batches);
            if (stored !== 'done') throw new Error(stored);
          }
        }),
      );
    },
  };
}

const TABLE = `
  CREATE TABLE log_lines (execution integer NOT NULL, line bigint NOT NULL, at timestamptz NOT NULL DEFAULT now(), text text NOT NULL,
                          PRIMARY KEY (execution, line))`;

/** The controls: a row per line, one INSERT each; and the fastest way that rows have, COPY of 1,000. */
export class RowTable {
  readonly #pool: pg.Pool;
  #line = 0;

  private constructor(url: string) {
    this.#pool = new pg.Pool({ connectionString: url, max: CONNECTIONS });
  }

  static async open(url: string): Promise<RowTable> {
    const table = new RowTable(url);
    await table.#pool.query(TABLE);
    return table;
  }

  inserts(): LogWriter {
    const insert = { name: 'insert_line', text: 'INSERT INTO log_lines (execution, line, text) VALUES ($1, $2, $3)' };
    return {
      name: 'rows',
      write: (lines) =>
        this.#onAll(async (client, connection) => {
          for (let done = 0; done < lines / CONNECTIONS; done += 1) {
            const line = (this.#line += 1);
            await client.query({ ...insert, values: [connection, line, buildLine(line)] });
          }
        }),
    };
  }

  copies(): LogWriter {
    return {
      name: 'copy',
      write: (lines) =>
        this.#onAll(async (client, connection) => {
          for (let done = 0; done < lines / CONNECTIONS; done += 1_000) {
            const first = this.#line;
            this.#line += 1_000;
            const rows = Array.from(
              { length: 1_000 },
              (_unused, index) => `${connection}\t${first + index}\t${buildLine(index)}\n`,
            );
            await copyIn(client, 'COPY log_lines (execution, line, text) FROM STDIN', Buffer.from(rows.join('')));
          }
        }),
    };
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #onAll(work: (client: pg.PoolClient, connection: number) => Promise<void>): Promise<void> {
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async (_unused, connection) => {
        const client = await this.#pool.connect();
        try {
          await work(client, connection);
        } finally {
          client.release();
        }
      }),
    );
  }
}
