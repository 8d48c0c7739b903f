import { eventually, type FakeRun } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness } from './dispatcher-harness.js';

const WAIT = { deadlineMs: 20_000 };

let harness: DispatcherHarness;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
});
afterEach(() => harness.close());

/** A build whose run has failed, of which a dispatcher was told twice without a cause. */
async function failedUnexplained(): Promise<{ buildId: string; run: FakeRun }> {
  const buildId = await harness.submit();
  const run = await eventually('its run is there', () => harness.cluster.runOfBuild(buildId), WAIT);
  harness.cluster.startRun(run);
  await harness.inState(buildId, 'running');
  run.unexplained = true;
  harness.cluster.endRun(run, 7);
  await toldTwiceMore(run);
  return { buildId, run };
}

async function toldTwiceMore({ name }: FakeRun): Promise<void> {
  const { endsTold } = harness.cluster;
  const before = endsTold.get(name) ?? 0;
  await eventually('its end is told twice more', () => (endsTold.get(name) ?? 0) >= before + 2, WAIT);
}

async function isStillRunning(buildId: string): Promise<void> {
  expect(await harness.build(buildId)).toMatchObject({ status: 'running' });
  expect(await harness.executions(buildId)).toMatchObject([{ state: 'running', outcome: null, slot_held: true }]);
}

async function endsOf(buildId: string): Promise<string[]> {
  return (await harness.timeline(buildId)).filter((step) => /:(completed|failed|cancelled|sealing)$/.test(step));
}

describe('an end that is not explained yet', () => {
  beforeEach(() => {
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
  });

  it('fixes no outcome; once it is explained, it is one', async () => {
    await harness.start();
    const { buildId, run } = await failedUnexplained();
    await isStillRunning(buildId);
    run.unexplained = false;
    expect(await harness.reaches(buildId, 'failed')).toMatchObject({ reason: 'StepFailed', attempt: 1 });
    expect(await endsOf(buildId)).toEqual(['execution:sealing', 'execution:failed', 'build:failed']);
    expect(await harness.counters()).toEqual({ lane: 0, provider: 0 });
  });

  it('is waited for by whoever takes over', async () => {
    const dead = await harness.start();
    const { buildId, run } = await failedUnexplained();
    await dead.abandon();
    await harness.start();
    await toldTwiceMore(run);
    await isStillRunning(buildId);
    run.unexplained = false;
    expect(await harness.reaches(buildId, 'failed')).toMatchObject({ reason: 'StepFailed', attempt: 1 });
    expect(await endsOf(buildId)).toEqual(['execution:sealing', 'execution:failed', 'build:failed']);
    expect(harness.cluster.created).toHaveLength(1);
  });

  it('is waited for no longer once the build is cancelled', async () => {
    const failure = { reason: 'UnknownFailure', fault: 'platform' } as const;
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, failure };
    await harness.start();
    const { buildId } = await failedUnexplained();
    await harness.cancel(buildId);
    expect(await harness.reaches(buildId, 'cancelled')).toMatchObject({ reason: 'Cancelled', attempt: 1 });
    expect(await harness.executions(buildId)).toMatchObject([{ state: 'failed', reason: 'UnknownFailure' }]);
    expect(harness.cluster.created).toHaveLength(1);
    expect(await harness.counters()).toEqual({ lane: 0, provider: 0 });
  });

  it('is that of a deleted run when the run goes away meanwhile', async () => {
    await harness.start();
    const { buildId, run } = await failedUnexplained();
    harness.cluster.dropRun(run);
    const [first] = await eventually(
      'the attempt has ended',
      async () => {
        const rows = await harness.executions(buildId);
        return rows[0]?.outcome === null ? undefined : rows;
      },
      WAIT,
    );
    expect(first).toMatchObject({ outcome: 'failed', reason: 'PipelineRunDeleted' });
  });
});
