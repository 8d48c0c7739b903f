import type { BuildWorld } from '../queue/build-world.ts';
import { toResult, type MeasuredResult } from '../report.ts';
import type { LogsBench } from './logs.ts';
import { chunkWriter } from './log-writers.ts';

/** What a build prints until the next flush, so a chunk: about 4 KB. */
const LINES_PER_CHUNK = 40;
/** Lines that the product itself writes; the rest of the day are copies of their chunks, as of other executions. */
const WRITTEN_LINES = 200_000;

const COPY_CHUNKS = `
  INSERT INTO build_log_chunks
  SELECT day, md5(execution_id::text || n)::uuid, step, seq, byte_offset, line_offset, line_count, raw_bytes, codec, data
    FROM build_log_chunks CROSS JOIN generate_series(2, $1::integer) AS n`;

/** What the end of a day of logs took, in milliseconds, and the dead rows that it left to a VACUUM. */
interface Retention {
  readonly deleteMs: number;
  readonly deleteLeft: number;
  readonly dropMs: number;
  readonly dropLeft: number;
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
      title: 'dead rows that a VACUUM of the chunks finds afterwards, most of all rounds',
      samples: rounds.map(({ dropLeft }) => dropLeft),
      q: 1,
      control: { name: 'after the DELETE', samples: rounds.map(({ deleteLeft }) => deleteLeft) },
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
    const [next] = await world.rows<{ day: string }>('SELECT (max(day) + 1)::text AS day FROM build_log_chunks');
    const drop = (): Promise<number> =>
      timed(async () => {
        const dropped = await world.logs.dropPartitionsBefore(next?.day ?? '');
        if (dropped.length === 0) throw new Error('no partition was dropped');
      });
    const early = round % 2 === 1 ? await drop() : undefined;
    let deleteLeft = 0;
    const deleteMs = await timed(async () => {
      await world.rows(`DELETE FROM plain_chunks WHERE day <= current_date`);
      deleteLeft = await vacuum(world, 'plain_chunks');
    });
    const dropMs = early ?? (await drop());
    const [left] = await world.rows<{ tables: string }>(
      `SELECT string_agg(relname, ', ') AS tables FROM pg_class WHERE relkind = 'r' AND relname LIKE 'build\\_log\\_chunks%'`,
    );
    return { deleteMs, deleteLeft, dropMs, dropLeft: await vacuum(world, left?.tables ?? '') };
  } finally {
    await world.close();
  }
}

/** Removes what is dead in the tables; gives how many rows that were, by its own word. */
async function vacuum(world: BuildWorld, tables: string): Promise<number> {
  const client = await world.side.connect();
  let dead = 0;
  const count = ({ message = '' }: { readonly message?: string | undefined }): void => {
    const said =
      /finished vacuuming "[^"]*chunks\w*".*tuples: (\d+) removed, \d+ remain, (\d+) are dead/s.exec(message) ?? [];
    dead += Number(said[1] ?? 0) + Number(said[2] ?? 0);
  };
  client.on('notice', count);
  try {
    await client.query(`VACUUM (VERBOSE) ${tables}`);
  } finally {
    client.off('notice', count);
    client.release();
  }
  return dead;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}
