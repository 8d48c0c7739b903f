import { isRowOf } from './measure/step.ts';
import type { BenchmarkReport } from './report.ts';

/**
 * The report with the figures of `before` that belong to steps which were left out. All others go: those of a step that
 * was run and gave none, as one that failed, and those of steps that there are not any more.
 */
export function withKept(
  before: BenchmarkReport | undefined,
  report: BenchmarkReport,
  leftOut: readonly string[],
): BenchmarkReport {
  if (before?.name !== report.name) return report;
  const kept = before.results.filter(({ id }) => isRowOf(leftOut, id));
  return { ...report, results: [...kept.map((row) => ({ command: before.command, ...row })), ...report.results] };
}
