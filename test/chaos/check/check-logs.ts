import type { LogRecord } from '@image-factory/domain';
import { STEPS } from '../world/chaos-cluster.ts';
import type { ChaosWorld } from '../world/chaos-world.ts';
import type { RunFacts } from '../world/cluster-facts.ts';
import { isExcused, type LoggedRun } from './excused-gap.ts';

type Gap = Extract<LogRecord, { kind: 'gap' }>;

interface StoredLog {
  readonly bytes: Buffer;
  readonly gaps: readonly Gap[];
  readonly endsWithGap: boolean;
}

export interface CheckedLogs {
  readonly violations: readonly string[];
  /** Logs of steps of which something is missing, or may be; but for those that the suite itself kept away. */
  readonly withGaps: number;
}

/**
 * Of every step what is stored is byte for byte what it printed, from its first byte on; it may end before the step did only
 * where a gap stands as the last record, or the attempt is marked, and says so truly.
 */
export async function checkLogs(world: ChaosWorld): Promise<CheckedLogs> {
  const rows = await world.database.query<LoggedRun>(
    `SELECT id, pipeline_run_name, pipeline_run_uid, log_gap, log_sealed_at, outcome_at
       FROM build_executions WHERE pipeline_run_name IS NOT NULL`,
  );
  const rowOf = new Map(rows.map((row) => [row.pipeline_run_name, row]));
  const violations: string[] = [];
  let withGaps = 0;
  for (const run of world.clusters.flatMap((cluster) => [...cluster.facts.runs.values()])) {
    const row = rowOf.get(run.name);
    if (row === undefined) {
      violations.push(`log: run ${run.name} has no execution`);
      continue;
    }
    for (const step of STEPS) {
      const stored = await storedLog(world, row.id, step);
      const whole = Buffer.concat(run.printed.get(step) ?? []);
      const hasGap = stored.gaps.length > 0 || stored.bytes.length < whole.length;
      if (hasGap && !run.logsKeptAway) withGaps += 1;
      const wrong = findWrong(run, row, step, stored, whole);
      if (wrong === undefined) continue;
      violations.push(
        `log: ${step} of ${run.name} (execution ${row.id}) ${wrong}; it holds ${stored.bytes.length} bytes of ` +
          `${whole.length}, gaps ${JSON.stringify(stored.gaps)}, marked ${row.log_gap ?? 'no'}, ` +
          (await chunksOf(world, row.id, step)),
      );
    }
  }
  return { violations, withGaps };
}

function findWrong(
  run: RunFacts,
  row: LoggedRun,
  step: string,
  { bytes, gaps, endsWithGap }: StoredLog,
  whole: Buffer,
): string | undefined {
  if (!whole.subarray(0, bytes.length).equals(bytes)) return `differs from byte ${firstDifference(bytes, whole)} on`;
  const isShort = bytes.length < whole.length;
  if (isShort && !endsWithGap && row.log_gap === null) return 'ends too soon without a gap there';
  const said = [...gaps.map(({ message }) => message), ...(row.log_gap === null ? [] : [row.log_gap])];
  const untrue = said.find((one) => !isExcused(one, row, run, step));
  if (untrue !== undefined) return `is said to be incomplete without reason (${untrue})`;
  const sealedAt = row.log_sealed_at?.getTime() ?? Number.POSITIVE_INFINITY;
  if (isShort && !run.deletedByOthers && run.goneAt !== undefined && run.goneAt < sealedAt)
    return 'was removed before its log was sealed';
  return undefined;
}

async function storedLog(world: ChaosWorld, executionId: string, step: string): Promise<StoredLog> {
  const parts: Uint8Array[] = [];
  const gaps: Gap[] = [];
  let endsWithGap = false;
  for await (const { record } of world.database.logs.read({ executionId, step: { task: step, step } })) {
    endsWithGap = record.kind === 'gap';
    if (record.kind === 'gap') gaps.push(record);
    else parts.push(record.text, ...(record.newline ? [Buffer.from('\n')] : []));
  }
  return { bytes: Buffer.concat(parts), gaps, endsWithGap };
}

/** How the step was stored, for whoever looks for the cause. */
async function chunksOf(world: ChaosWorld, executionId: string, step: string): Promise<string> {
  const rows = await world.database.query<{ chunk: string }>(
    `SELECT seq || ': ' || raw_bytes || ' bytes from ' || byte_offset || ' at ' || written_at AS chunk
       FROM build_log_chunks WHERE execution_id = $1 AND step LIKE '%' || $2 ORDER BY seq`,
    [executionId, step],
  );
  return `chunks ${rows.map((row) => row.chunk).join(', ')}`;
}

function firstDifference(a: Buffer, b: Buffer): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) if (a[index] !== b[index]) return index;
  return length;
}
