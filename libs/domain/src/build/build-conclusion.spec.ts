import { describe, expect, it } from 'vitest';
import { ATTEMPT_ENDS, concludeBuild, LIVE_BUILD_STATUSES, type BuildConclusion } from './build-conclusion.js';
import { EXECUTION_TRANSITIONS, TERMINAL_EXECUTION_STATES } from './build-execution-state.js';
import { BUILD_TRANSITIONS } from './build-status.js';
import { canTransition } from './transition-table.js';

const cases = LIVE_BUILD_STATUSES.flatMap((status) =>
  ATTEMPT_ENDS.flatMap((end) => [true, false].map((retryable) => ({ status, end, retryable }))),
);

describe('the conclusion of a build from its attempt', () => {
  it.each(cases)('follows an edge of the build’s table: $status, attempt $end, retryable $retryable', (given) => {
    for (const exhausted of [undefined, 'AttemptsExhausted'] as const) {
      const { status } = concludeBuild(given.end, given.status, given.retryable, exhausted);
      expect(canTransition(BUILD_TRANSITIONS, given.status, status)).toBe(true);
    }
  });

  it('covers every terminal state of an attempt but released, which uses none', () => {
    expect([...ATTEMPT_ENDS, 'released'].sort()).toEqual([...TERMINAL_EXECUTION_STATES].sort());
    expect(Object.keys(EXECUTION_TRANSITIONS)).toEqual(expect.arrayContaining([...ATTEMPT_ENDS]));
  });

  const table: [Parameters<typeof concludeBuild>, BuildConclusion][] = [
    [['succeeded', 'running', false], { status: 'completed', reason: undefined }],
    [['succeeded', 'cancelling', false], { status: 'completed', reason: undefined }],
    [['failed', 'running', false], { status: 'failed', reason: undefined }],
    [['failed', 'running', true], { status: 'queued', reason: undefined }],
    [['failed', 'running', false, 'AttemptsExhausted'], { status: 'failed', reason: 'AttemptsExhausted' }],
    [['failed', 'cancelling', false], { status: 'failed', reason: undefined }],
    [['failed', 'cancelling', true], { status: 'cancelled', reason: 'Cancelled' }],
    [['failed', 'cancelling', true, undefined, 'Superseded'], { status: 'cancelled', reason: 'Superseded' }],
    [['cancelled', 'cancelling', false], { status: 'cancelled', reason: undefined }],
    [['cancelled', 'running', false], { status: 'failed', reason: undefined }],
    [['moved', 'running', true], { status: 'queued', reason: undefined }],
    [['moved', 'running', false, 'AttemptsExhausted'], { status: 'failed', reason: 'AttemptsExhausted' }],
    [['moved', 'cancelling', true], { status: 'cancelled', reason: 'Cancelled' }],
    [['lost', 'running', true], { status: 'queued', reason: undefined }],
    [['lost', 'running', false], { status: 'failed', reason: undefined }],
    [['lost', 'cancelling', true], { status: 'cancelled', reason: undefined }],
  ];
  it.each(table)('of %j is %j', (given, expected) => {
    expect(concludeBuild(...given)).toEqual(expected);
  });
});
