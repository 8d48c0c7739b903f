import { toResult, type BenchmarkResult } from '../report.ts';
import type { BuildWorld } from '../queue/build-world.ts';
import type { ClusterReport } from './clusters.ts';

/** From the end of a run on its cluster to the commit of its outcome, and to that of its build's end. */
export async function statusLag(world: BuildWorld, report: ClusterReport, title: string): Promise<BenchmarkResult> {
  const rows = await world.rows<{ run: string; committed_ms: number }>(
    `SELECT e.pipeline_run_name AS run, extract(epoch FROM pg_xact_commit_timestamp(v.xmin))::float8 * 1000 AS committed_ms
       FROM build_events v
       JOIN build_executions e ON e.id = v.execution_id
      WHERE v.subject = 'execution' AND v.to_state = 'sealing' AND e.pipeline_run_name IS NOT NULL`,
  );
  const lags = rows.flatMap(({ run, committed_ms }) => {
    const endedMs = report.ended[run];
    return endedMs === undefined ? [] : [committed_ms - endedMs];
  });
  return toResult({
    id: 'status-lag',
    title: `a run's end → its outcome committed, ${title}, p99 of ${lags.length}, ms`,
    samples: lags,
    q: 0.99,
    target: { text: 'p99 under 2,000', met: (value) => value < 2_000 },
  });
}
