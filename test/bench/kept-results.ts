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
  if (kept.length === 0) return report;
  const commands = new Set([...before.command.split(' && '), report.command]);
  return { ...report, command: [...commands].join(' && '), results: [...kept, ...report.results] };
}
