import type { BuildWorld } from '../queue/build-world.ts';
import type { ClusterReport } from './clusters.ts';

/** From the end of each of these runs on its cluster to the commit of its outcome, ms, of builds submitted since then. */
export async function statusLags(
  world: BuildWorld,
  ended: ClusterReport['ended'],
  since = new Date(0),
): Promise<number[]> {
  const rows = await world.rows<{ run: string; committed_ms: number }>(
    `SELECT e.pipeline_run_name AS run, extract(epoch FROM pg_xact_commit_timestamp(v.xmin))::float8 * 1000 AS committed_ms
       FROM build_events v
       JOIN build_executions e ON e.id = v.execution_id
       JOIN builds b ON b.id = e.build_id AND b.created_at >= $1
      WHERE v.subject = 'execution' AND v.to_state = 'sealing' AND e.pipeline_run_name IS NOT NULL`,
    [since],
  );
  return rows.flatMap(({ run, committed_ms }) => {
    const endedMs = ended[run];
    return endedMs === undefined ? [] : [committed_ms - endedMs];
  });
}
