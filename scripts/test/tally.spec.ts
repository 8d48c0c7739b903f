import { describe, expect, it } from 'vitest';
import { closingLine, sum, tallyReport, type VitestReport } from './tally.ts';

const GREEN: VitestReport = {
  numPassedTests: 7,
  numFailedTests: 0,
  numPendingTests: 1,
  numTodoTests: 0,
  testResults: [],
};

describe('tallyReport', () => {
  it('counts tests', () => {
    expect(tallyReport(GREEN, 0)).toEqual({ passed: 7, failed: 0, skipped: 1 });
    expect(tallyReport({ ...GREEN, numFailedTests: 2 }, 1)).toEqual({ passed: 7, failed: 2, skipped: 1 });
  });

  it('counts a file that could not be loaded as a failure', () => {
    const broken = { name: 'x.spec.ts', status: 'failed', message: 'SyntaxError', assertionResults: [] };
    expect(tallyReport({ ...GREEN, testResults: [broken] }, 1).failed).toBe(1);
  });

  it('counts a failed file with failed tests once per test', () => {
    const file = { name: 'x.spec.ts', status: 'failed', assertionResults: [{ status: 'failed' }] };
    expect(tallyReport({ ...GREEN, numFailedTests: 1, testResults: [file] }, 1).failed).toBe(1);
  });

  it('never calls a bad exit or a missing report green', () => {
    expect(tallyReport(GREEN, 1).failed).toBe(1);
    expect(tallyReport(undefined, 0).failed).toBe(1);
  });
});

describe('closingLine', () => {
  it('is green only when something passed and nothing failed', () => {
    expect(closingLine({ passed: 3, failed: 0 })).toEqual({ line: '3 passed, 0 failed', exitCode: 0 });
    expect(closingLine({ passed: 3, failed: 1 })).toEqual({ line: '3 passed, 1 failed', exitCode: 1 });
    expect(closingLine({ passed: 0, failed: 0 }).exitCode).toBe(1);
  });

  it('adds tallies up', () => {
    expect(
      sum([
        { passed: 1, failed: 2 },
        { passed: 3, failed: 4 },
      ]),
    ).toEqual({ passed: 4, failed: 6 });
  });
});
