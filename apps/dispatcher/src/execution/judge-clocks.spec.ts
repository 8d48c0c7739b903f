import type { PresentAttempt } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { judgeClocks } from './judge-clocks.js';

const MINUTE = 60_000;
const clock = {
  nowMs: 100 * MINUTE,
  createdMs: 80 * MINUTE,
  startLimitMs: 15 * MINUTE,
  runLimitMs: 30 * MINUTE,
  placedMs: 40 * MINUTE,
};
const seen = (part: Partial<PresentAttempt>): PresentAttempt => ({
  kind: 'present',
  uid: 'u',
  phase: 'running',
  waiting: undefined,
  firstStepStartedAt: undefined,
  runSeconds: 0,
  waitingSince: undefined,
  endedAt: undefined,
  podsOver: false,
  end: undefined,
  ...part,
});
const at = (minutes: number): Date => new Date(minutes * MINUTE);

describe('judgeClocks', () => {
  it.each([
    ['counts the start from the waiting TaskRun', { phase: 'pending', waitingSince: at(90) }, 5 * MINUTE],
    ['counts the run by what steps ran', { runSeconds: 600 }, 20 * MINUTE],
    ['gives a second TaskRun a start limit of its own', { runSeconds: 600, waitingSince: at(95) }, 10 * MINUTE],
  ] as const)('%s', (_, part, remainingMs) => {
    expect(judgeClocks(seen(part), clock)).toEqual({ kind: 'running', remainingMs });
  });

  it.each([
    ['a TaskRun that waits too long', { phase: 'pending', waitingSince: at(84) }, 'StartLimit'],
    ['a run that never got a TaskRun', { phase: 'pending' }, 'StartLimit'],
    ['a cluster whose clock is far behind', { phase: 'pending', waitingSince: at(1) }, 'StartLimit'],
    ['steps that ran too long', { runSeconds: 1800 }, 'RunLimit'],
  ] as const)('stops %s', (_, part, intent) => {
    expect(judgeClocks(seen(part), clock)).toEqual({ kind: 'due', intent });
  });

  it('counts no run from before it was placed, as a cluster whose clock is an hour behind does', () => {
    const placed = { ...clock, placedMs: 90 * MINUTE };
    expect(judgeClocks(seen({ runSeconds: 4200 }), placed)).toEqual({ kind: 'running', remainingMs: 20 * MINUTE });
  });

  it('stops nothing that has ended', () => {
    expect(judgeClocks(seen({ phase: 'ended', runSeconds: 9999 }), clock).kind).toBe('running');
  });
});
