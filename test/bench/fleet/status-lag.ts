import { toResult, type BenchmarkResult } from '../report.ts';
import type { BuildWorld } from '../queue/build-world.ts';
import type { ClusterReport } from './clusters.ts';

export interface LagOptions {
  readonly id: string;
  readonly title: string;
  /** Only of builds that were submitted from then on. */
  readonly since?: Date;
  /** The target is for a load that the dispatchers can carry. */
  readonly target: boolean;
}

/** From the end of a run on its cluster to the commit of its outcome. */
export async function statusLag(
  world: BuildWorld,
  report: ClusterReport,
  { id, title, since = new Date(0), target }: LagOptions,
): Promise<BenchmarkResult> {
  const rows = await world.rows<{ run: string; committed_ms: number }>(
    `SELECT e.pipeline_run_name AS run, extract(epoch FROM pg_xact_commit_timestamp(v.xmin))::float8 * 1000 AS committed_ms
       FROM build_events v
       JOIN build_executions e ON e.id = v.execution_id
       JOIN builds b ON b.id = e.build_id AND b.created_at >= $1
      WHERE v.subject = 'execution' AND v.to_state = 'sealing' AND e.pipeline_run_name IS NOT NULL`,
    [since],
  );
  const lags = rows.flatMap(({ run, committed_ms }) => {
    const endedMs = report.ended[run];
    return endedMs === undefined ? [] : [committed_ms - endedMs];
  });
  return toResult({
    id,
    title: `a run's end → its outcome committed, ${title}, p99 of ${lags.length}, ms`,
    samples: lags,
    q: 0.99,
    ...(target ? { target: { text: 'p99 under 2,000', met: (value: number) => value < 2_000 } } : {}),
  });
}
