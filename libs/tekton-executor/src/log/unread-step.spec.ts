import { describe, expect, it } from 'vitest';
import { podView, taskRunView } from '../follow/run-views.js';
import type { PodView, TaskRunView } from '../follow/run-views.js';
import { mayHavePrinted } from './unread-step.js';

const CREATED = '2026-11-21T09:17:30Z';

/** A cancelled TaskRun whose one step started then, as its status says. */
function taskRunOf({ startedAt = CREATED, podName = 'pod', reason = 'TaskRunCancelled' } = {}): TaskRunView {
  return taskRunView({
    metadata: { name: 'run-build', creationTimestamp: CREATED },
    status: {
      podName,
      conditions: [{ type: 'Succeeded', status: 'False', reason }],
      steps: [{ name: 'build', container: 'step-build', terminated: { exitCode: 1, reason, startedAt } }],
    },
  });
}

function podIn(state: object): PodView {
  return podView(
    {
      metadata: { name: 'pod', labels: { 'tekton.dev/taskRun': 'run-build' } },
      spec: { containers: [{ name: 'step-build' }] },
      status: { phase: 'Pending', containerStatuses: [{ name: 'step-build', state }] },
    },
    true,
  );
}

const waiting = podIn({ waiting: { reason: 'PodInitializing' } });
const cases: readonly (readonly [string, boolean, TaskRunView | undefined, readonly PodView[]])[] = [
  ['no TaskRun was made', false, undefined, []],
  ['its TaskRun had no pod', false, taskRunOf({ podName: '' }), []],
  [
    'its TaskRun does not name the pod that was seen to run',
    true,
    taskRunOf({ podName: '' }),
    [podIn({ running: {} })],
  ],
  ['it started after its TaskRun was made', true, taskRunOf({ startedAt: '2026-11-21T09:17:32Z' }), [waiting]],
  ['nobody saw its pod', true, taskRunOf(), []],
  ['its pod was seen to go while it waited', false, taskRunOf(), [waiting]],
  ['its pod waited when it was seen last, and went unseen', true, taskRunOf(), [{ ...waiting, lastStateUnseen: true }]],
  ['its pod was seen to end', true, taskRunOf(), [podIn({ terminated: { exitCode: 137 } })]],
  ['its pod waits, is deleted and does not go', true, taskRunOf(), [{ ...waiting, gone: false, deletionGraceMs: 0 }]],
  ['its pod was evicted while it waited', false, taskRunOf(), [{ ...waiting, gone: false, phase: 'Failed' }]],
  [
    'its pod cannot start',
    false,
    taskRunOf(),
    [{ ...podIn({ waiting: { reason: 'InvalidImageName' } }), gone: false }],
  ],
  ['its image cannot be had', false, taskRunOf({ reason: 'TaskRunImagePullFailed' }), []],
];

describe('a step that no reader met', () => {
  it.each(cases)('%s: it may have printed: %s', (_what, expected, taskRun, pods) => {
    expect(mayHavePrinted(taskRun, taskRun?.steps[0], 'step-build', { pods, isLast: true })).toBe(expected);
  });

  it.each([
    ['no TaskRun was seen', true, undefined],
    ['its TaskRun went on without a pod when it was seen', true, { status: 'Unknown', reason: 'Pending', message: '' }],
    ['its TaskRun waited for its quota', true, { status: 'Unknown', reason: 'ExceededResourceQuota', message: '' }],
    ['its TaskRun was cancelled', true, { status: 'False', reason: 'TaskRunCancelled', message: '' }],
    [
      'its TaskRun was seen to fail to make a pod',
      false,
      { status: 'False', reason: 'PodCreationFailed', message: '' },
    ],
  ] as const)('%s before its run went unread: it may have printed: %s', (_what, expected, verdict) => {
    const taskRun = verdict && { ...taskRunOf({ podName: '' }), verdict, steps: [] };
    expect(mayHavePrinted(taskRun, undefined, 'step-build', { pods: [], isLast: false })).toBe(expected);
  });
});
