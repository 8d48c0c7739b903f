/** What a check or a suite counted. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
}

/** Adds tallies up. */
export function sum(tallies: readonly Tally[]): Tally {
  return tallies.reduce(
    (total, tally) => ({ passed: total.passed + tally.passed, failed: total.failed + tally.failed }),
    { passed: 0, failed: 0 },
  );
}

/** The last line of a test command, alone on its line, and the exit code that goes with it. */
export function closingLine(tally: Tally): { readonly line: string; readonly exitCode: number } {
  return {
    line: `${tally.passed} passed, ${tally.failed} failed`,
    exitCode: tally.failed === 0 && tally.passed > 0 ? 0 : 1,
  };
}

/** The part of Vitest's JSON report that is counted. */
export interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/**
 * Counts a report. A file that could not be loaded counts as one failure, and so does a run that ended badly without a
 * failed test (an unhandled error, a global set-up that threw, no report at all): red is never counted as green.
 */
export function tallyReport(report: VitestReport | undefined, exitCode: number): Tally & { readonly skipped: number } {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const failed = report.numFailedTests + brokenFiles;
  return {
    passed: report.numPassedTests,
    failed: exitCode !== 0 && failed === 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}
