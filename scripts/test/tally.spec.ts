import { describe, expect, it } from 'vitest';
import { closing, tallyReport, type VitestReport } from './tally.ts';

const GREEN: VitestReport = {
  numPassedTests: 7,
  numFailedTests: 0,
  numPendingTests: 1,
  numTodoTests: 0,
  testResults: [],
};

const failedTest = (fullName: string) => ({
  status: 'failed',
  fullName,
  failureMessages: ['AssertionError: expected 1 to be 2\n    at x.spec.ts:3'],
});

describe('tallyReport', () => {
  it('counts tests', () => {
    expect(tallyReport(GREEN, 0)).toEqual({ passed: 7, failed: 0, skipped: 1, failures: [] });
  });

  it('counts a failed file once per failed test, and names each', () => {
    const assertionResults = [failedTest('adds'), { ...failedTest('holds'), status: 'passed' }, failedTest('ends')];
    const file = { name: 'x.spec.ts', status: 'failed', assertionResults };
    expect(tallyReport({ ...GREEN, numFailedTests: 2, testResults: [file] }, 1)).toMatchObject({
      failed: 2,
      failures: [
        'x.spec.ts > adds: AssertionError: expected 1 to be 2',
        'x.spec.ts > ends: AssertionError: expected 1 to be 2',
      ],
    });
  });

  it('counts a file that could not be loaded as a failure', () => {
    const broken = { name: 'x.spec.ts', status: 'failed', message: 'SyntaxError', assertionResults: [] };
    expect(tallyReport({ ...GREEN, testResults: [broken] }, 1)).toMatchObject({
      failed: 1,
      failures: ['x.spec.ts: SyntaxError'],
    });
  });

  it('never calls a bad exit or a missing report green', () => {
    expect(tallyReport(GREEN, 1).failed).toBe(1);
    expect(tallyReport(undefined, 0).failed).toBe(1);
  });
});

describe('closing', () => {
  const tally = (passed: number, failures: readonly string[]) => ({ passed, failed: failures.length, failures });

  it('is green only when something passed and nothing failed', () => {
    expect(closing([tally(3, [])])).toEqual({ text: '\n3 passed, 0 failed\n', exitCode: 0 });
    expect(closing([tally(3, ['lint'])]).exitCode).toBe(1);
    expect(closing([tally(0, [])]).exitCode).toBe(1);
  });

  it('repeats what failed, from all parts, before the line that counts', () => {
    expect(closing([tally(1, ['lint']), tally(3, ['x.spec.ts > adds: 1 is not 2'])]).text).toBe(
      '\nFailed:\n  lint\n  x.spec.ts > adds: 1 is not 2\n\n4 passed, 2 failed\n',
    );
  });
});
