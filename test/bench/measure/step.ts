import type { BenchmarkOptions, MeasuredResult, MeasuredRows } from '../report.ts';

/** A part of a benchmark that can be run alone (`--only`). */
export interface Step {
  /** As in the plan of benchmarks: `B1`. */
  readonly id: string;
  readonly title: string;
  /** What the ids of its rows are or begin with, up to a dash, when that is not its own id. */
  readonly rows?: readonly string[];
  run(): Promise<readonly MeasuredResult[]>;
}

/**
 * Runs the steps one after the other. A step that fails makes the whole command fail, but loses no figure of the others.
 *
 * @throws Error when `only` names a step that there is not
 */
export async function runSteps(options: Pick<BenchmarkOptions, 'only'>, steps: readonly Step[]): Promise<MeasuredRows> {
  const unknown = options.only.filter((id) => !steps.some((step) => step.id === id));
  if (unknown.length > 0)
    throw new Error(`no step ${unknown.join(', ')}; there are ${steps.map(({ id }) => id).join(', ')}`);
  const results: MeasuredResult[] = [];
  const chosen = steps.filter(({ id }) => options.only.length === 0 || options.only.includes(id));
  for (const step of chosen) {
    const from = performance.now();
    process.stderr.write(`${step.id} ${step.title} …`);
    try {
      results.push(...ownRows(step, await step.run()));
      process.stderr.write(` ${((performance.now() - from) / 1000).toFixed(1)} s\n`);
    } catch (error) {
      process.exitCode = 1;
      process.stderr.write(` FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    }
  }
  return { results, leftOut: steps.filter((step) => !chosen.includes(step)).flatMap(rowsOf) };
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
