import { describe, expect, it } from 'vitest';
import { podView } from '../follow/run-views.js';
import type { PodView } from '../follow/run-views.js';
import { isOver, OverduePods } from './pods-over.js';

function deletedPod(state: object): PodView {
  return podView({
    // The time is another machine's: whatever it says, nothing follows from it.
    metadata: { name: 'pod', uid: 'u', deletionTimestamp: '2001-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 },
    spec: { containers: [{ name: 'step-build' }] },
    status: { phase: 'Pending', containerStatuses: [{ name: 'step-build', state }] },
  });
}

describe('a pod that is being deleted', () => {
  it.each([
    ['runs', false, { running: {} }],
    ['waits, as far as its node has said', false, { waiting: { reason: 'PodInitializing' } }],
    ['waits for an image that does not come', true, { waiting: { reason: 'ImagePullBackOff' } }],
    ['has ended', true, { terminated: { exitCode: 143 } }],
  ])('whose container %s is over: %s', (_what, expected, state) => {
    expect(isOver(deletedPod(state), () => false)).toBe(expected);
  });

  it('is overdue a minute after its grace, counted from when it was first looked at', () => {
    let nowMs = 0;
    const overdue = new OverduePods(() => nowMs);
    const pod = deletedPod({ running: {} });
    expect(overdue.has(pod)).toBe(false);
    nowMs = 90_000;
    expect(overdue.has(pod)).toBe(false);
    nowMs = 90_001;
    expect(isOver(pod, overdue.has)).toBe(true);
    overdue.forget('');
    expect(overdue.has(pod)).toBe(false);
  });

  it('is never overdue while it is not deleted', () => {
    let nowMs = 0;
    const overdue = new OverduePods(() => nowMs);
    const pod = { ...deletedPod({ running: {} }), deletionGraceMs: undefined };
    expect(overdue.has(pod)).toBe(false);
    nowMs = 3_600_000;
    expect(overdue.has(pod)).toBe(false);
  });
});
