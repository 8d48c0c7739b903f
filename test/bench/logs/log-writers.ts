import type { LogStep } from '@image-factory/domain';
import type { ShardLease } from '@image-factory/persistence';
import { appendLog } from '@image-factory/test-support';
import pg from 'pg';
import { type BuildWorld } from '../queue/build-world.ts';
import { buildLine, rawBytes, records } from './build-lines.ts';
import { copyIn } from './copy-in.ts';

/** Something that stores lines over 4 connections; the rate counts those that it was given. */
export interface LogWriter {
  readonly name: string;
  /** Makes `lines` lines ready and gives what stores them: only that is timed. */
  prepare(lines: number): () => Promise<void>;
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
export const STEPS_PER_FLUSH = 4;

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
    // Its lines are ready for all rounds.
    prepare: (lines) => async () => {
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

/**
 * The controls: a row per line, one INSERT each; and the fastest way that rows have, COPY of as many as a flush holds.
 * Both are given their lines as the server takes them.
 */
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
      prepare: (lines) => {
        const rows = this.#rows(lines / CONNECTIONS);
        return () =>
          this.#onAll(async (client, connection) => {
            for (const [line, text] of rows) await client.query({ ...insert, values: [connection, line, text] });
          });
      },
    };
  }

  /** `batch` lines of each COPY, which is a transaction. */
  copies(batch: number): LogWriter {
    const statement = 'COPY log_lines (execution, line, text) FROM STDIN';
    return {
      name: 'copy',
      prepare: (lines) => {
        const batches = Array.from({ length: Math.ceil(lines / CONNECTIONS / batch) }, () => this.#rows(batch));
        const texts = Array.from({ length: CONNECTIONS }, (_unused, connection) =>
          batches.map((rows) => Buffer.from(rows.map(([line, text]) => `${connection}\t${line}\t${text}\n`).join(''))),
        );
        return () =>
          this.#onAll(async (client, connection) => {
            for (const text of texts[connection] ?? []) await copyIn(client, statement, text);
          });
      },
    };
  }

  /** The next so many rows, the same for each connection. */
  #rows(count: number): [number, string][] {
    const first = this.#line;
    this.#line += count;
    return Array.from({ length: count }, (_unused, index) => [first + index, buildLine(index)]);
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
