import { describe, expect, it } from 'vitest';
import { podView } from '../follow/run-views.js';
import type { PodView } from '../follow/run-views.js';
import type { AttemptView } from './attempt-view.js';
import { isOver, OverduePods, podsProvedOver } from './pods-over.js';
import { recordedCase, recordedPodWatch } from './recorded-case.fixture.js';

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

describe('the proof that pods are over', () => {
  const view = recordedCase('cancelled').view;
  const [ended] = recordedPodWatch('cancelled');
  const runs = {
    phase: 'Running',
    containers: ended!.containers.map((one) => ({ ...one, state: 'running' as const })),
  };
  const waits = {
    phase: 'Pending',
    containers: ended!.containers.map((one) => ({ ...one, state: 'waiting' as const })),
  };
  const byPodGc = { reason: 'DeletionByPodGC', message: '' };
  const proves = (...pods: AttemptView['pods']): boolean => podsProvedOver({ ...view, pods });

  it.each<[string, boolean, Partial<PodView>]>([
    ['ended and went', true, {}],
    ['ended and went before anybody saw it go', true, { lastStateUnseen: true }],
    ['ended, and then its node was lost', true, { disruption: byPodGc }],
    ['is there and has ended', true, { gone: false }],
    ['was evicted by its node', true, { ...runs, phase: 'Failed', reason: 'Evicted' }],
    ['went before it had a node', true, { ...waits, nodeName: undefined }],
    ['may have had a node before it went', false, { ...waits, nodeName: undefined, lastStateUnseen: true }],
    ['went while its container ran, as far as its node has said', false, runs],
    [
      'was called Failed by the cluster when its node was lost',
      false,
      { ...runs, phase: 'Failed', disruption: byPodGc },
    ],
    ['is overdue', false, { ...runs, gone: false, deletionGraceMs: 30_000 }],
  ])('of one that %s: %s', (_what, expected, part) => {
    expect(proves({ ...ended!, ...part })).toBe(expected);
  });

  it('needs every pod', () => {
    expect(proves(ended!, { ...ended!, uid: 'other', ...runs })).toBe(false);
  });

  it('is missing where nobody saw the pod of a TaskRun that did not succeed', () => {
    expect(proves()).toBe(false);
    const done = { status: 'True' as const, reason: 'Succeeded', message: '' };
    const taskRuns = view.taskRuns.map((taskRun) => ({ ...taskRun, verdict: done }));
    expect(podsProvedOver({ ...view, taskRuns, pods: [] })).toBe(true);
  });

  it('is there for pods that went as recorded', () => {
    expect(proves(...recordedPodWatch('cancelled'))).toBe(true);
    expect(podsProvedOver({ ...recordedCase('pod-evicted-api').view, pods: recordedPodWatch('pod-evicted-api') })).toBe(
      true,
    );
  });
});
