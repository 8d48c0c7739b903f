import { toResult, type MeasuredResult } from '../report.ts';
import type { LogsBench } from './logs.ts';
import { chunkWriter } from './log-writers.ts';

/** What a build prints until the next flush, so a chunk: about 5 KB. */
const LINES_PER_CHUNK = 40;
/** Lines that the product itself writes; the rest of the day are copies of their chunks, as of other executions. */
const WRITTEN_LINES = 200_000;

const COPY_CHUNKS = `
  INSERT INTO build_log_chunks
  SELECT day, md5(execution_id::text || n)::uuid, step, seq, byte_offset, line_offset, line_count, raw_bytes, codec, data
    FROM build_log_chunks CROSS JOIN generate_series(2, $1::integer) AS n`;

/** What the end of a day of logs took, in milliseconds, and the dead rows that it left. */
interface Retention {
  readonly deleteMs: number;
  readonly dropMs: number;
  readonly dead: number;
}

/** B13: the end of a day of logs: its partition dropped, beside a DELETE of the same chunks from one table. */
export async function measureRetention(bench: LogsBench): Promise<MeasuredResult[]> {
  const copies = Math.ceil(bench.retainedLines / WRITTEN_LINES);
  const rounds: Retention[] = [];
  for (let round = 0; round < bench.rounds; round += 1) rounds.push(await endDay(bench, round, copies));
  return [
    toResult({
      id: 'B13-drop',
      title: `retention of ${copies * WRITTEN_LINES} lines in chunks of ${LINES_PER_CHUNK}: drop of their day, ms`,
      samples: rounds.map(({ dropMs }) => dropMs),
      q: 0.5,
      control: { name: 'DELETE and VACUUM of the same chunks', samples: rounds.map(({ deleteMs }) => deleteMs) },
      target: { text: 'at most 0.2 ×', met: (_value, ratio) => ratio !== null && ratio <= 0.2 },
    }),
    toResult({
      id: 'B13-dead',
      title: 'dead rows of the chunks afterwards, most of all rounds',
      samples: rounds.map(({ dead }) => dead),
      q: 1,
      control: { name: 'what a DELETE leaves to VACUUM', samples: [(copies * WRITTEN_LINES) / LINES_PER_CHUNK] },
      target: { text: '0', met: (value) => value === 0 },
    }),
  ];
}

/** Each in a database of its own; who goes first takes turns. */
async function endDay(bench: LogsBench, round: number, copies: number): Promise<Retention> {
  const world = await bench.world(`retention_${round}`);
  try {
    const writer = await chunkWriter(world, LINES_PER_CHUNK);
    await writer.prepare(WRITTEN_LINES)();
    await world.rows(COPY_CHUNKS, [copies]);
    await world.rows('CREATE TABLE plain_chunks (LIKE build_log_chunks INCLUDING ALL)');
    await world.rows('INSERT INTO plain_chunks SELECT * FROM build_log_chunks');
    await world.rows('CHECKPOINT');
    const drop = (): Promise<number> =>
      timed(async () => {
        const dropped = await world.logs.dropPartitionsBefore('9999-01-01');
        if (dropped.length === 0) throw new Error('no partition was dropped');
      });
    const early = round % 2 === 1 ? await drop() : undefined;
    const deleteMs = await timed(async () => {
      await world.rows(`DELETE FROM plain_chunks WHERE day <= current_date`);
      await world.rows('VACUUM plain_chunks');
    });
    const dropMs = early ?? (await drop());
    const dead = await world.number(
      `SELECT coalesce(sum(n_dead_tup), 0) AS n FROM pg_stat_user_tables WHERE relname LIKE 'build\\_log\\_chunks%'`,
    );
    return { deleteMs, dropMs, dead };
  } finally {
    await world.close();
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}
