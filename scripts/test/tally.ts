/** What a check or a suite counted. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** What failed, a line each. */
  readonly failures: readonly string[];
}

/**
 * The end of a test command's output: what failed, once more and together, for a long output is often kept only by its
 * end; then the closing line, alone on its line.
 */
export function closing(tallies: readonly Tally[]): { readonly text: string; readonly exitCode: number } {
  const passed = tallies.reduce((total, tally) => total + tally.passed, 0);
  const failed = tallies.reduce((total, tally) => total + tally.failed, 0);
  const failures = tallies.flatMap((tally) => tally.failures);
  const list = failures.length === 0 ? '' : `\nFailed:\n${failures.map((failure) => `  ${failure}\n`).join('')}`;
  return { text: `${list}\n${passed} passed, ${failed} failed\n`, exitCode: failed === 0 && passed > 0 ? 0 : 1 };
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
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

type FileReport = VitestReport['testResults'][number];

function failuresOf({ name, message, assertionResults }: FileReport): readonly string[] {
  const failed = assertionResults.filter(({ status }) => status === 'failed');
  if (failed.length === 0) return [`${name}: ${firstLine(message)}`];
  return failed.map((test) => `${name} > ${test.fullName}: ${firstLine(test.failureMessages[0])}`);
}

function firstLine(message: string | undefined): string {
  return message?.split('\n')[0] ?? 'no message';
}

/**
 * Counts a report. A file that could not be loaded counts as one failure, and so does a run that ended badly without a
 * failed test (an unhandled error, a global set-up that threw, no report at all): red is never counted as green.
 */
export function tallyReport(report: VitestReport | undefined, exitCode: number): Tally & { readonly skipped: number } {
  if (report === undefined)
    return { passed: 0, failed: 1, skipped: 0, failures: ['no report: the tests were not reached'] };
  const failures = report.testResults.filter(({ status }) => status === 'failed').flatMap(failuresOf);
  if (exitCode !== 0 && failures.length === 0) failures.push(`exit code ${exitCode} without a failed test`);
  return {
    passed: report.numPassedTests,
    failed: failures.length,
    skipped: report.numPendingTests + report.numTodoTests,
    failures,
  };
}
