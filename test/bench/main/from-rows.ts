import { Database, PostgresBuildLogs } from '@image-factory/persistence';
import type { Platform } from '../../e2e/support/platform.ts';
import { toResult, type MeasuredResult } from '../report.ts';
import type { Sightings } from './sightings.ts';

/** The builds of one phase of the run. */
export interface Phase {
  /** Ends the ids of the figures. */
  readonly suffix: string;
  readonly title: string;
  readonly since: Date;
}

/** Figures from the rows of a phase's builds, and from what the benchmark itself saw on the API server meanwhile. */
export async function measureFromRows(
  platform: Platform,
  sightings: Sightings,
  phase: Phase,
): Promise<MeasuredResult[]> {
  return [
    await claimToCreate(platform, phase),
    await logFirstByte(platform, sightings, phase),
    await statusLag(platform, sightings, phase),
  ];
}

async function claimToCreate(platform: Platform, phase: Phase): Promise<MeasuredResult> {
  const rows = await platform.sql<{ ms: number }>(
    `SELECT extract(epoch FROM created_at - claimed_at)::float8 * 1000 AS ms FROM build_executions
      WHERE created_at IS NOT NULL AND claimed_at >= $1`,
    [phase.since],
  );
  return toResult({
    id: `create-p95${phase.suffix}`,
    title: `claim → PipelineRun created and recorded, warm namespace, ${phase.title}, p95 of ${rows.length}`,
    samples: rows.map((row) => row.ms),
    q: 0.95,
    target: { text: 'p95 < 300 ms', met: (value) => value < 300 },
  });
}

/**
 * From the time that the container runtime gave a step's first line to the commit of the chunk that holds it. The
 * control is how late the API server showed that the step's container runs: before that nobody can ask for its log.
 */
async function logFirstByte(platform: Platform, sightings: Sightings, phase: Phase): Promise<MeasuredResult> {
  const chunks = await platform.sql<{ id: string; run: string; task: string; step: string; stored_ms: number }>(
    `SELECT e.id, e.pipeline_run_name AS run, c.task, c.step_name AS step,
            extract(epoch FROM pg_xact_commit_timestamp(l.xmin))::float8 * 1000 AS stored_ms
       FROM build_log_chunks l
       JOIN build_log_cursors c USING (execution_id, step)
       JOIN build_executions e ON e.id = l.execution_id
      WHERE l.seq = 0 AND c.task <> 'image-factory' AND e.claimed_at >= $1`,
    [phase.since],
  );
  const database = Database.create({ url: platform.databaseUrl, poolSize: 2, applicationName: 'bench' });
  await database.connect();
  const lags: number[] = [];
  const shownAfter: number[] = [];
  try {
    const logs = new PostgresBuildLogs(database);
    for (const chunk of chunks) {
      const printedMs = await firstLineMs(logs, chunk);
      if (printedMs === undefined) continue;
      lags.push(chunk.stored_ms - printedMs);
      const shown = sightings.stepStarted.get(`${chunk.run}/${chunk.task}/${chunk.step}`);
      if (shown !== undefined) shownAfter.push(Math.max(0, shown - printedMs));
    }
  } finally {
    await database.close();
  }
  return toResult({
    id: `log-first-byte-p95${phase.suffix}`,
    title: `first line of a step printed → stored, ${phase.title}, p95 of ${lags.length} steps`,
    samples: lags,
    q: 0.95,
    control: { name: 'printed → the API server shows that the step runs', samples: shownAfter, mayBeZero: true },
  });
}

async function firstLineMs(
  logs: PostgresBuildLogs,
  { id, task, step }: { readonly id: string; readonly task: string; readonly step: string },
): Promise<number | undefined> {
  for await (const { record } of logs.read({ executionId: id, step: { task, step }, limitBytes: 1 })) {
    if (record.kind === 'line') return millisecondsOf(record.time);
  }
  return undefined;
}

/** RFC 3339 with nanoseconds, which `Date` would cut to milliseconds. */
function millisecondsOf(time: string): number {
  const fraction = /\.\d+/.exec(time)?.[0] ?? '.0';
  return Date.parse(time.replace(/\.\d+/, '')) + Number(`0${fraction}`) * 1000;
}

/** From the arrival of a run's end at a plain watch beside the product to the commit of its outcome. */
async function statusLag(platform: Platform, sightings: Sightings, phase: Phase): Promise<MeasuredResult> {
  const rows = await platform.sql<{ run: string; committed_ms: number }>(
    `SELECT e.pipeline_run_name AS run, extract(epoch FROM pg_xact_commit_timestamp(v.xmin))::float8 * 1000 AS committed_ms
       FROM build_executions e
       JOIN build_events v ON v.execution_id = e.id AND v.subject = 'execution' AND v.to_state = 'sealing'
      WHERE e.outcome = 'succeeded' AND e.claimed_at >= $1`,
    [phase.since],
  );
  const lags = rows.flatMap(({ run, committed_ms }) => {
    const seen = sightings.runEnded.get(run);
    return seen === undefined ? [] : [committed_ms - seen];
  });
  return toResult({
    id: `status-lag-p99${phase.suffix}`,
    title: `run's end shown by the API server → outcome committed, ${phase.title}, p99 of ${lags.length}`,
    samples: lags,
    q: 0.99,
    target: { text: 'p99 < 2 s', met: (value) => value < 2000 },
  });
}
