import { alternate, samplesOf } from '../measure/alternate.ts';
import { toResult, type MeasuredResult } from '../report.ts';
import type { BuildWorld } from '../queue/build-world.ts';
import { buildLine } from './build-lines.ts';
import type { LogsBench } from './logs.ts';
import { chunkWriter, RowTable, STEPS_PER_FLUSH, type LogWriter } from './log-writers.ts';

/** About 400 KB of a step: a flush under load is bounded by 2 MB of each. */
const LINES_PER_STEP = 4_000;
/** A COPY holds as many lines as one of our transactions. */
const LINES_PER_COPY = STEPS_PER_FLUSH * LINES_PER_STEP;

interface Written {
  readonly linesPerSecond: number;
  readonly diskPerRaw: number;
  readonly walPerRaw: number;
}

/** B12, the writing half: lines per second, and bytes on disk and in the WAL for each byte of a log. */
export async function measureIngest(bench: LogsBench): Promise<MeasuredResult[]> {
  const world = await bench.world('ingest');
  const rows = await RowTable.open(await bench.database('ingest_rows'));
  const copy = await RowTable.open(await bench.database('ingest_copy'));
  try {
    // Whole transactions of each of the four connections.
    const writers: [LogWriter, number][] = [
      [await chunkWriter(world, LINES_PER_STEP), bench.quick ? 64_000 : 512_000],
      [rows.inserts(), bench.quick ? 4_000 : 16_000],
      [copy.copies(LINES_PER_COPY), bench.quick ? 64_000 : 256_000],
    ];
    const written = new Map<string, Written[]>(writers.map(([writer]) => [writer.name, []]));
    const samples = await alternate(
      bench.rounds,
      writers.map(([writer, lines]) => ({
        name: writer.name,
        round: async () => {
          const once = await measured(world, writer, lines);
          written.get(writer.name)?.push(once);
          return once.linesPerSecond;
        },
      })),
    );
    return toResults(samples, written);
  } finally {
    await Promise.all([world.close(), rows.close(), copy.close()]);
  }
}

async function measured(world: BuildWorld, writer: LogWriter, lines: number): Promise<Written> {
  const raw =
    Array.from({ length: 1_000 }, (_unused, index) => buildLine(index).length + 1).reduce((a, b) => a + b) *
    (lines / 1_000);
  const write = writer.prepare(lines);
  const before = await sizes(world);
  const from = performance.now();
  await write();
  const seconds = (performance.now() - from) / 1000;
  const after = await sizes(world);
  return {
    linesPerSecond: lines / seconds,
    diskPerRaw: (after.disk - before.disk) / raw,
    walPerRaw: (after.wal - before.wal) / raw,
  };
}

/** Of the whole server, on which nothing else runs. */
async function sizes(world: BuildWorld): Promise<{ disk: number; wal: number }> {
  const disk = await world.number('SELECT sum(pg_database_size(oid)) AS n FROM pg_database');
  return { disk, wal: await world.number(`SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS n`) };
}

function toResults(samples: ReadonlyMap<string, number[]>, written: ReadonlyMap<string, Written[]>): MeasuredResult[] {
  const of = (name: string, field: keyof Written): number[] =>
    (written.get(name) ?? []).map((one) => one[field] * 1_000);
  const atLeast = (times: number) => ({
    text: `at least ${times} ×`,
    met: (_value: number, ratio: number | null) => ratio !== null && ratio >= times,
  });
  const copied = (samples: number[]) => ({ name: `COPY of ${LINES_PER_COPY} rows`, samples });
  const common = {
    title: 'lines/s of 104 bytes through PostgresBuildLogs.append, 4 writers',
    samples: samplesOf(samples, 'chunks'),
    q: 0.5,
  };
  return [
    toResult({
      ...common,
      id: 'B12-rows',
      control: { name: 'a row per line', samples: samplesOf(samples, 'rows') },
      target: atLeast(50),
    }),
    toResult({
      ...common,
      id: 'B12-copy',
      control: copied(samplesOf(samples, 'copy')),
      target: atLeast(2),
    }),
    toResult({
      id: 'B12-disk',
      title: 'bytes on disk for 1,000 bytes of log',
      samples: of('chunks', 'diskPerRaw'),
      q: 0.5,
      control: copied(of('copy', 'diskPerRaw')),
      target: { text: 'at most 300', met: (value) => value <= 300 },
    }),
    toResult({
      id: 'B12-wal',
      title: 'bytes of WAL for 1,000 bytes of log',
      samples: of('chunks', 'walPerRaw'),
      q: 0.5,
      control: copied(of('copy', 'walPerRaw')),
      target: { text: 'at most 300', met: (value) => value <= 300 },
    }),
  ];
}
