import type { BenchmarkOptions, MeasuredResult, MeasuredRows } from '../report.ts';

/** A part of a benchmark that can be run alone (`--only`). */
export interface Step {
  /** As in the plan of benchmarks: `B1`. */
  readonly id: string;
  readonly title: string;
  /** What the ids of its rows are or begin with, up to a dash, when that is not its own id. */
  readonly rows?: readonly string[];
  /** What it measures is counted, or takes seconds by design: in a quick run the neighbours of which this is true run at once. */
  readonly counts?: boolean;
  run(): Promise<readonly MeasuredResult[]>;
}

/**
 * Runs the steps one after the other. A step that fails makes the whole command fail, but loses no figure of the others.
 *
 * @throws Error when `only` names a step that there is not
 */
export async function runSteps(
  { only, quick }: Pick<BenchmarkOptions, 'only' | 'quick'>,
  steps: readonly Step[],
): Promise<MeasuredRows> {
  const unknown = only.filter((id) => !steps.some((step) => step.id === id));
  if (unknown.length > 0)
    throw new Error(`no step ${unknown.join(', ')}; there are ${steps.map(({ id }) => id).join(', ')}`);
  const results: MeasuredResult[] = [];
  const chosen = steps.filter(({ id }) => only.length === 0 || only.includes(id));
  const rest = [...chosen];
  for (let first = rest.shift(); first !== undefined; first = rest.shift()) {
    const atOnce = [first];
    while (quick && first.counts === true && rest[0]?.counts === true) atOnce.push(...rest.splice(0, 1));
    results.push(...(await Promise.all(atOnce.map(runStep))).flat());
  }
  return { results, leftOut: steps.filter((step) => !chosen.includes(step)).flatMap(rowsOf) };
}

async function runStep(step: Step): Promise<readonly MeasuredResult[]> {
  const from = performance.now();
  process.stderr.write(`${step.id} ${step.title} …\n`);
  try {
    const rows = ownRows(step, await step.run());
    process.stderr.write(`${step.id} took ${((performance.now() - from) / 1000).toFixed(1)} s\n`);
    return rows;
  } catch (error) {
    process.exitCode = 1;
    process.stderr.write(
      `${step.id} FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    return [];
  }
}

function rowsOf({ id, rows }: Step): readonly string[] {
  return rows ?? [id];
}

/** A row that no step owns would never leave a file of results. */
function ownRows(step: Step, results: readonly MeasuredResult[]): readonly MeasuredResult[] {
  const foreign = results.find(({ id }) => !isRowOf(rowsOf(step), id));
  if (foreign !== undefined) throw new Error(`${foreign.id} is no row of ${step.id}: ${rowsOf(step).join(', ')}`);
  return results;
}

/** Whether a row's id is one of these or goes on behind one with a dash. */
export function isRowOf(rows: readonly string[], id: string): boolean {
  return rows.some((row) => id === row || id.startsWith(`${row}-`));
}
