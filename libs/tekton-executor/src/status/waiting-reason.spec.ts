import { describe, expect, it } from 'vitest';
import { recordedCase } from './recorded-case.fixture.js';
import { waitingReason } from './waiting-reason.js';

describe('a pod that waits for the one that binds its volume', () => {
  const { view } = recordedCase('pvc-not-bound');
  const taints = '0/12 nodes are available: 3 node(s) had untolerated taint {team: other}';
  const unschedulable = `${taints}, 9 node(s) didn't match pod affinity rules.`;
  const [pod] = view.pods.filter((one) => one.unschedulable !== undefined);
  const waiting = view.taskRuns.find(({ name }) => name === pod?.taskRun);
  const told = (waitedMs: number) =>
    waitingReason({ ...view, pods: view.pods.map((one) => ({ ...one, unschedulable })) }, waiting, [], waitedMs);

  it('is told without the scheduler’s words about all nodes, which are no tenant’s business', () => {
    expect(told(1_000).reason).toBe('WaitingForPod');
    expect(told(1_000).message).not.toContain('taint');
  });

  it('is unschedulable, with them, when that lasts', () => {
    expect(told(10_000)).toMatchObject({
      reason: 'Unschedulable',
      message: expect.stringContaining('taint') as string,
    });
  });
});
