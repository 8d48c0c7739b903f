import type { BenchmarkOptions, BenchmarkResult } from '../report.ts';

/** A part of a benchmark that can be run alone (`--only`). */
export interface Step {
  /** As in the plan of benchmarks: `B1`. */
  readonly id: string;
  readonly title: string;
  run(): Promise<readonly BenchmarkResult[]>;
}

/** Runs the steps one after the other. A step that fails makes the whole command fail, but loses no figure of the others. */
export async function runSteps(options: BenchmarkOptions, steps: readonly Step[]): Promise<BenchmarkResult[]> {
  const unknown = options.only.filter((id) => !steps.some((step) => step.id === id));
  if (unknown.length > 0)
    throw new Error(`no step ${unknown.join(', ')}; there are ${steps.map(({ id }) => id).join(', ')}`);
  const results: BenchmarkResult[] = [];
  for (const step of steps) {
    if (options.only.length > 0 && !options.only.includes(step.id)) continue;
    const from = performance.now();
    process.stderr.write(`${step.id} ${step.title} …`);
    try {
      results.push(...(await step.run()));
      process.stderr.write(` ${((performance.now() - from) / 1000).toFixed(1)} s\n`);
    } catch (error) {
      process.exitCode = 1;
      process.stderr.write(` FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    }
  }
  return results;
}
