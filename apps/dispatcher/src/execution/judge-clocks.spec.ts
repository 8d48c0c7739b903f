import type { PresentAttempt } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { countRunMs, judgeClocks } from './judge-clocks.js';

const MINUTE = 60_000;
const clock = {
  nowMs: 100 * MINUTE,
  waitsFromMs: 80 * MINUTE,
  startLimitMs: 15 * MINUTE,
  runLimitMs: 30 * MINUTE,
  runMs: 0,
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
  podsProvedOver: false,
  end: undefined,
  ...part,
});
const at = (minutes: number): Date => new Date(minutes * MINUTE);

describe('judgeClocks', () => {
  it.each([
    ['counts the start from the waiting TaskRun', { phase: 'pending', waitingSince: at(90) }, 5 * MINUTE],
    ['gives a second TaskRun a start limit of its own', { waitingSince: at(95) }, 10 * MINUTE],
  ] as const)('%s', (_, part, remainingMs) => {
    expect(judgeClocks(seen(part), { ...clock, runMs: 10 * MINUTE })).toEqual({ kind: 'running', remainingMs });
  });

  it('counts the run by what steps ran', () => {
    const verdict = judgeClocks(seen({}), { ...clock, runMs: 10 * MINUTE });
    expect(verdict).toEqual({ kind: 'running', remainingMs: 20 * MINUTE });
    expect(judgeClocks(seen({}), { ...clock, runMs: 30 * MINUTE })).toEqual({ kind: 'due', intent: 'RunLimit' });
  });

  it.each([
    ['a TaskRun that waits too long', { phase: 'pending', waitingSince: at(84) }, 'StartLimit'],
    ['a run that never got a TaskRun', { phase: 'pending' }, 'StartLimit'],
    ['a cluster whose clock is far behind', { phase: 'pending', waitingSince: at(1) }, 'StartLimit'],
  ] as const)('stops %s', (_, part, intent) => {
    expect(judgeClocks(seen(part), clock)).toEqual({ kind: 'due', intent });
  });

  it('stops nothing that has ended', () => {
    expect(judgeClocks(seen({ phase: 'ended' }), { ...clock, runMs: 9999 * MINUTE }).kind).toBe('running');
  });
});

describe('the run clock', () => {
  /** Placed at minute 40, its first step seen at 94; a wait has not been seen. */
  const row: Parameters<typeof countRunMs>[1] = {
    placedAt: at(40),
    runSince: at(94),
    runSeconds: 0,
    waitingReason: undefined,
  };
  const minutes = (runMinutes: number, part: Partial<typeof row>) =>
    countRunMs({ runSeconds: runMinutes * 60 }, { ...row, ...part }, 100 * MINUTE) / MINUTE;

  it('is what the cluster says, when that is less', () => {
    expect(minutes(5, {})).toBe(5);
    expect(minutes(0, { runSince: undefined, waitingReason: 'Unschedulable' })).toBe(0);
  });

  it('counts no wait of a pod, as a cluster whose clock is twelve minutes behind does', () => {
    expect(minutes(12, { runSince: at(100) })).toBe(0);
    expect(minutes(18, {})).toBe(6);
  });

  it('counts no wait of a later task there either, and keeps what ran before it', () => {
    expect(minutes(12, { runSeconds: 30, runSince: undefined, waitingReason: 'Unschedulable' })).toBe(0.5);
    expect(minutes(17, { runSeconds: 30, runSince: at(95) })).toBe(5.5);
  });

  it('counts the whole of that wait when it does not stand meanwhile', () => {
    const since = { runSeconds: 30, runSince: at(88), waitingReason: 'Unschedulable' } as const;
    const runMs = minutes(12, since) * MINUTE;
    expect(runMs).toBe(12 * MINUTE);
    const waits = seen({ waitingSince: at(88) });
    expect(judgeClocks(waits, { ...clock, runLimitMs: 10 * MINUTE, runMs })).toEqual({
      kind: 'due',
      intent: 'RunLimit',
    });
  });

  it('counts nothing from before it was placed, as a cluster whose clock is an hour behind does', () => {
    expect(minutes(70, { placedAt: at(90), runSince: undefined })).toBe(10);
  });

  it('is never negative, whatever the clocks say', () => {
    expect(minutes(5, { runSince: at(101) })).toBe(0);
  });
});
