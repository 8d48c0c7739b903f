import type { ChaosWorld } from '../world/chaos-world.ts';

interface LoggedRun {
  readonly id: string;
  readonly pipeline_run_name: string;
  readonly log_gap: string | null;
}

/** Every byte that a step printed is stored, in order and once; or a gap stands in the log, or on the attempt. */
export async function checkLogs(world: ChaosWorld): Promise<string[]> {
  const runs = new Map(world.clusters.flatMap((cluster) => [...cluster.facts.runs]));
  const rows = await world.database.query<LoggedRun>(
    `SELECT id, pipeline_run_name, log_gap FROM build_executions WHERE pipeline_run_name IS NOT NULL`,
  );
  const found: string[] = [];
  for (const row of rows) {
    for (const [step, printed] of runs.get(row.pipeline_run_name)?.printed ?? []) {
      const { bytes, gaps } = await storedLog(world, row.id, step);
      const whole = Buffer.concat(printed);
      const excused = gaps > 0 || row.log_gap !== null;
      if (bytes.equals(whole) || (excused && isPartOf(bytes, printed))) continue;
      found.push(
        `log: ${step} of ${row.pipeline_run_name} (execution ${row.id}) holds ${bytes.length} bytes of ${whole.length}` +
          `, first difference at ${firstDifference(bytes, whole)}, gaps ${gaps}, marked ${row.log_gap ?? 'no'}; ` +
          (await chunksOf(world, row.id, step)),
      );
    }
  }
  return found;
}

async function storedLog(world: ChaosWorld, executionId: string, step: string) {
  const parts: Uint8Array[] = [];
  let gaps = 0;
  for await (const { record } of world.database.logs.read({ executionId, step: { task: step, step } })) {
    if (record.kind === 'gap') gaps += 1;
    else parts.push(record.text, ...(record.newline ? [Buffer.from('\n')] : []));
  }
  return { bytes: Buffer.concat(parts), gaps };
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

/** What is stored beside a gap is still only what was printed, in its order: each line of it is found after the last. */
function isPartOf(bytes: Buffer, printed: readonly Buffer[]): boolean {
  const whole = Buffer.concat(printed).toString('latin1');
  let from = 0;
  return bytes
    .toString('latin1')
    .split('\n')
    .every((line) => {
      const at = whole.indexOf(line, from);
      from = at + line.length;
      return at >= 0;
    });
}

function firstDifference(a: Buffer, b: Buffer): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) if (a[index] !== b[index]) return index;
  return length;
}
