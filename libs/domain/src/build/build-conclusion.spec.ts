import { describe, expect, it } from 'vitest';
import { ATTEMPT_ENDS, concludeBuild, LIVE_BUILD_STATUSES, type BuildConclusion } from './build-conclusion.js';
import { EXECUTION_TRANSITIONS, TERMINAL_EXECUTION_STATES } from './build-execution-state.js';
import { MAX_ATTEMPTS } from './retry-policy.js';
import { BUILD_TRANSITIONS } from './build-status.js';
import { canTransition } from './transition-table.js';

const cases = LIVE_BUILD_STATUSES.flatMap((status) =>
  ATTEMPT_ENDS.flatMap((end) => [true, false].map((retryable) => ({ status, end, retryable }))),
);

describe('the conclusion of a build from its attempt', () => {
  it.each(cases)('follows an edge of the build’s table: $status, attempt $end, retryable $retryable', (given) => {
    for (const attempt of [1, MAX_ATTEMPTS, MAX_ATTEMPTS + 1]) {
      const { status } = concludeBuild(given.end, given.status, given.retryable, attempt);
      expect(canTransition(BUILD_TRANSITIONS, given.status, status)).toBe(true);
    }
  });

  it('covers every terminal state of an attempt but released, which uses none', () => {
    expect([...ATTEMPT_ENDS, 'released'].sort()).toEqual([...TERMINAL_EXECUTION_STATES].sort());
    expect(Object.keys(EXECUTION_TRANSITIONS)).toEqual(expect.arrayContaining([...ATTEMPT_ENDS]));
  });

  const table: [Parameters<typeof concludeBuild>, BuildConclusion][] = [
    [['succeeded', 'running', false, 1], { status: 'completed', reason: undefined }],
    [['succeeded', 'cancelling', false, 1], { status: 'completed', reason: undefined }],
    [['failed', 'running', false, 1], { status: 'failed', reason: undefined }],
    [['failed', 'running', true, 1], { status: 'queued', reason: undefined }],
    [['failed', 'running', true, MAX_ATTEMPTS], { status: 'failed', reason: 'AttemptsExhausted' }],
    [['failed', 'cancelling', false, 1], { status: 'failed', reason: undefined }],
    [['failed', 'cancelling', true, 1], { status: 'cancelled', reason: undefined }],
    [['cancelled', 'cancelling', false, 1], { status: 'cancelled', reason: undefined }],
    [['cancelled', 'running', false, 1], { status: 'failed', reason: undefined }],
    [['moved', 'running', false, 1], { status: 'queued', reason: undefined }],
    [['moved', 'running', false, MAX_ATTEMPTS], { status: 'failed', reason: 'AttemptsExhausted' }],
    [['moved', 'cancelling', true, 1], { status: 'cancelled', reason: undefined }],
    [['lost', 'running', true, 2], { status: 'queued', reason: undefined }],
    [['lost', 'running', false, 1], { status: 'failed', reason: undefined }],
    [['lost', 'cancelling', true, 1], { status: 'cancelled', reason: undefined }],
  ];
  it.each(table)('of %j is %j', (given, expected) => {
    expect(concludeBuild(...given)).toEqual(expected);
  });
});
