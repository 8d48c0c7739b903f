import { describe, expect, it } from 'vitest';
import type { AttemptEnd } from '@image-factory/domain';
import type { AttemptView } from './attempt-view.js';
import { pipelineRunStatus } from './pipeline-run-status.js';
import { recordedCase } from './recorded-case.fixture.js';

function endOf(name: string, lines: readonly string[], change: (view: AttemptView) => AttemptView = (view) => view) {
  const { view, events, document } = recordedCase(name);
  return pipelineRunStatus(change(view), {
    stopIntent: undefined,
    tail: { lines },
    events,
    now: new Date('2026-11-21T10:30:00Z'),
    isOverdue: () => false,
    buildMethod: 'kaniko',
    finalDocument: document,
  }).end as AttemptEnd;
}

describe('a lack of disk', () => {
  it.each([
    ['clone-fails-no-repo', 'WorkspaceFull', /workspace is full.*larger workspace_size/],
    ['build-fails-bad-run', 'WorkspaceFull', /workspace is full/],
    ['build-fails-bad-run', 'EphemeralStorageExceeded', /more ephemeral_storage/],
  ] as const)('of %s that its Task reports as %s is the end’s reason', (name, reason, message) => {
    const end = endOf(name, ['write error: No space left on device', `image-factory: reason=${reason}`]);
    expect(end).toMatchObject({ outcome: 'failed', reason, fault: 'user' });
    expect(end.message).toMatch(message);
  });

  it.each([
    ['the words of a build', ['RUN dd', 'dd: No space left on device']],
    ['a report that is not the last line', ['image-factory: reason=WorkspaceFull', 'exit 1']],
  ])('is not taken from %s', (_name, lines) => {
    expect(endOf('build-fails-bad-run', lines)).toMatchObject({ reason: 'StepFailed' });
  });

  it('of its container is not reported by the clone, which only writes into the workspace', () => {
    const end = endOf('clone-fails-no-repo', ['image-factory: reason=EphemeralStorageExceeded']);
    expect(end).toMatchObject({ reason: 'CloneFailed' });
  });

  it('of the node is an eviction: the build kept its own limit, and another node may have more', () => {
    const message =
      'The node was low on resource: ephemeral-storage. Threshold quantity: 2Gi, available: 1Gi. ' +
      'Container step-main was using 3Gi, request is 0, has larger consumption of ephemeral-storage. ';
    const end = endOf('ephemeral-storage-evicted', [], (view) => ({
      ...view,
      taskRuns: view.taskRuns.map((taskRun) => ({ ...taskRun, verdict: { ...taskRun.verdict, message } })),
      pods: view.pods.map((pod) => ({ ...pod, message })),
    }));
    expect(end).toMatchObject({ reason: 'PodEvicted', fault: 'cluster' });
  });
});

describe('the node of an attempt', () => {
  it('is that of its newest pod that was on one', () => {
    const node = (change: (view: AttemptView) => AttemptView) =>
      endOf('ephemeral-storage-evicted', [], change).nodeName;
    const known = recordedCase('ephemeral-storage-evicted').view.pods[0]?.nodeName;
    expect(known).toBeDefined();
    expect(node((view) => view)).toBe(known);
    expect(
      node((view) => ({
        ...view,
        pods: view.pods.flatMap((pod) => [
          { ...pod, createdAt: new Date(pod.createdAt.getTime() + 2_000), nodeName: undefined },
          { ...pod, createdAt: new Date(pod.createdAt.getTime() + 1_000), nodeName: 'node-2', gone: true },
          pod,
        ]),
      })),
    ).toBe('node-2');
    expect(node((view) => ({ ...view, pods: [] }))).toBeUndefined();
  });
});
