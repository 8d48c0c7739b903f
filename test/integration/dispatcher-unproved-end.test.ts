import type { Reason } from '@image-factory/domain';
import { eventually, type FakeRun } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness } from './dispatcher-harness.js';

const WAIT = { deadlineMs: 30_000 };
const UNPROVED = { retry_decision: 'stop', retry_reason: 'LossUnproved' };

let harness: DispatcherHarness;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
});
afterEach(() => harness.close());

/** A build whose effects no tag fences: what runs twice makes two images. */
function submitPacker(): Promise<string> {
  const config = { packer_template: 'a.pkr.hcl' };
  return harness.submit({ buildMethod: 'packer', imageRepository: undefined, tags: [], config });
}

async function running(): Promise<{ buildId: string; run: FakeRun }> {
  const buildId = await submitPacker();
  const run = await eventually('its run is there', () => harness.cluster.runOfBuild(buildId), WAIT);
  harness.cluster.startRun(run);
  await harness.inState(buildId, 'running');
  // Where it could go on; not before, lest it begins there.
  await harness.addProvider('cluster-2');
  return { buildId, run };
}

/** Past its deadline: what runs is stopped under the intent Drain. */
async function drain(): Promise<void> {
  await harness.database.query(
    `UPDATE providers SET state = 'draining', drain_deadline_at = now() - interval '1 second'
      WHERE id IN (SELECT provider_id FROM build_executions)`,
  );
  await eventually('its run is told to stop', () => harness.cluster.stops[0], WAIT);
}

function holdRuns(): void {
  harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
  harness.cluster.podsLinger = true;
}

describe('a packer build', () => {
  const failFirst = (reason: Reason): void => {
    const failure = { reason, fault: 'cluster' as const };
    harness.cluster.scriptRun = (run) => (run.attempt === 1 ? { exitCode: 1, failure } : undefined);
  };

  it('is not repeated when its node was lost with its pod: the container may run on', async () => {
    failFirst('NodeUnreachable');
    await harness.start();
    const buildId = await submitPacker();
    expect(await harness.reaches(buildId, 'failed')).toMatchObject({ reason: 'NodeUnreachable', attempt: 1 });
    expect(await harness.executions(buildId)).toMatchObject([UNPROVED]);
    expect(harness.cluster.created).toHaveLength(1);
  });

  it('is repeated when its pod was evicted and seen to end', async () => {
    failFirst('PodEvicted');
    await harness.start();
    const buildId = await submitPacker();
    expect(await harness.reaches(buildId, 'completed')).toMatchObject({ attempt: 2 });
  });

  it('is not moved by a drain when its pod is only overdue on a node that does not answer', async () => {
    holdRuns();
    await harness.start({ limits: { ...harness.limits, podGraceMs: 600_000 } });
    const { buildId, run } = await running();
    await drain();
    run.nodeLost = true;
    harness.cluster.killPods(run);
    expect(await harness.reaches(buildId, 'failed', WAIT.deadlineMs)).toMatchObject({ reason: 'Drain', attempt: 1 });
    expect(await harness.executions(buildId)).toMatchObject([{ ...UNPROVED, state: 'moved' }]);
  });

  it('is not moved either when another dispatcher ends the attempt, to which its node answers again', async () => {
    holdRuns();
    const limits = { ...harness.limits, podGraceMs: 600_000, sealLimitMs: 600_000 };
    const first = await harness.start({ limits });
    const { buildId, run } = await running();
    await drain();
    // Its pods are taken for over while its log still waits for its end.
    Object.assign(run, { nodeLost: true, livePods: 0 });
    harness.cluster.changed(run);
    await eventually('its pods are taken for over', async () => (await harness.counters()).lane === 0, WAIT);
    await first.abandon();
    run.nodeLost = false;
    harness.cluster.killPods(run);
    await harness.start({ limits });
    expect(await harness.reaches(buildId, 'failed', WAIT.deadlineMs)).toMatchObject({ reason: 'Drain', attempt: 1 });
    expect(await harness.executions(buildId)).toMatchObject([{ ...UNPROVED, state: 'moved' }]);
  });

  it('is not repeated when its cluster was lost before its pod was seen to end, and comes back before it is done', async () => {
    holdRuns();
    const failure = { reason: 'PodEvicted', fault: 'cluster' } as const;
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, failure };
    const refuse = (): never => {
      throw new Error('the webhook does not answer');
    };
    harness.cluster.beforeRemoveCredentials = refuse;
    await harness.start({ watchStaleMs: 200 });
    const { buildId, run } = await running();
    harness.cluster.endRun(run, 1);
    await harness.inState(buildId, 'sealing');
    harness.cluster.reachable = false;
    await eventually('its pods are taken for over', async () => (await harness.counters()).lane === 0, WAIT);
    harness.cluster.reachable = true;
    await eventually(
      'contact is back',
      async () => {
        const [row] = await harness.database.query<{ first_loss_at: Date | null }>(
          'SELECT first_loss_at FROM build_executions',
        );
        return row?.first_loss_at === null;
      },
      WAIT,
    );
    harness.cluster.beforeRemoveCredentials = () => undefined;
    expect(await harness.reaches(buildId, 'failed', WAIT.deadlineMs)).toMatchObject({ attempt: 1 });
    expect(await harness.executions(buildId)).toMatchObject([{ ...UNPROVED, state: 'failed' }]);
    expect(harness.cluster.created).toHaveLength(1);
  });

  it('is moved by a drain when its pod was seen to end', async () => {
    holdRuns();
    await harness.start({ limits: { ...harness.limits, podGraceMs: 600_000 } });
    const { buildId, run } = await running();
    await drain();
    harness.cluster.killPods(run);
    await eventually('the second attempt', async () => (await harness.executions(buildId))[1], WAIT);
    expect(await harness.executions(buildId)).toMatchObject([{ state: 'moved', retry_decision: 'retry' }, {}]);
  });
});
