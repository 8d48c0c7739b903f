import type { Platform } from '../../e2e/support/platform.ts';
import { toResult, type BenchmarkResult } from '../report.ts';

/** Figures that the rows of the builds of this run give by themselves. All times are the database's or the runtime's. */
export async function measureFromRows(platform: Platform): Promise<BenchmarkResult[]> {
  return [await claimToCreate(platform), await logFirstByte(platform), await statusLag(platform)];
}

async function claimToCreate(platform: Platform): Promise<BenchmarkResult> {
  const rows = await platform.sql<{ ms: number }>(
    `SELECT extract(epoch FROM created_at - claimed_at)::float8 * 1000 AS ms FROM build_executions
      WHERE created_at IS NOT NULL ORDER BY claimed_at OFFSET 1`,
  );
  return toResult({
    id: 'create-p95',
    title: `claim → PipelineRun created and recorded, warm namespace, p95 of ${rows.length}`,
    samples: rows.map((row) => row.ms),
    q: 0.95,
    target: { text: 'p95 < 300 ms', met: (value) => value < 300 },
  });
}

/** Between the time that the container runtime gave a step's first line and the commit of its first chunk. */
async function logFirstByte(platform: Platform): Promise<BenchmarkResult> {
  const rows = await platform.sql<{ ms: number }>(
    `SELECT extract(epoch FROM l.written_at - e.first_step_started_at)::float8 * 1000 AS ms
       FROM build_executions e
       JOIN LATERAL (SELECT min(written_at) AS written_at FROM build_log_chunks
                      WHERE execution_id = e.id AND step = 'clone/clone') l ON true
      WHERE e.first_step_started_at IS NOT NULL AND l.written_at IS NOT NULL`,
  );
  return toResult({
    id: 'log-first-byte-p95',
    title: `first step started (whole seconds) → its first log bytes stored, p95 of ${rows.length}`,
    samples: rows.map((row) => row.ms),
    q: 0.95,
  });
}

/** `completionTime` has whole seconds, so up to a second of this is rounding. */
async function statusLag(platform: Platform): Promise<BenchmarkResult> {
  const rows = await platform.sql<{ ms: number }>(
    `SELECT extract(epoch FROM outcome_at - (final_document -> 'status' ->> 'completionTime')::timestamptz)::float8 * 1000 AS ms
       FROM build_executions WHERE outcome = 'succeeded' AND final_document -> 'status' ->> 'completionTime' IS NOT NULL`,
  );
  return toResult({
    id: 'status-lag-p99',
    title: `run completed (whole seconds) → outcome committed, p99 of ${rows.length}`,
    samples: rows.map((row) => row.ms),
    q: 0.99,
    target: { text: 'p99 < 2 s', met: (value) => value < 2000 },
  });
}
