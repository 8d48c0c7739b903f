import { eventually, FakeBuildExecutor, type FakeRun } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness, REPOSITORY } from './dispatcher-harness.js';

/** For a machine that does other things too. */
const WAIT = { deadlineMs: 20_000 };

let harness: DispatcherHarness;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
  harness.cluster.podsLinger = true;
  harness.cluster.scriptRun = (run) =>
    run.attempt === 1 ? { pace: 'held', exitCode: 1, failure: { reason: 'PodEvicted', fault: 'cluster' } } : undefined;
});
afterEach(() => harness.close());

/** As an executor would that takes the pods of an ended run for over, whatever they do. */
class HastyExecutor extends FakeBuildExecutor {
  override openFollower(...[options]: Parameters<FakeBuildExecutor['openFollower']>) {
    const follower = super.openFollower(options);
    const observe = follower.observe.bind(follower);
    return Object.assign(follower, {
      observe: async (...[attempt]: Parameters<typeof observe>) => {
        const seen = await observe(attempt);
        return seen.kind === 'present' && seen.phase === 'ended'
          ? { ...seen, podsOver: true, podsProvedOver: true }
          : seen;
      },
    });
  }
}

describe('an attempt whose pod goes on after its end', () => {
  /** The run of the first attempt, which has ended by an eviction. */
  async function evicted(buildId: string): Promise<FakeRun> {
    const run = await eventually('its run is there', () => harness.cluster.runOfBuild(buildId), WAIT);
    harness.cluster.startRun(run);
    await harness.inState(buildId, 'running');
    // As a cluster says it whose clock is an hour behind: nothing follows from its time.
    run.endedAt = new Date(Date.now() - 3_600_000);
    harness.cluster.endRun(run);
    return run;
  }

  it('is repeated only when nothing of it runs any more', async () => {
    await harness.start({ limits: { ...harness.limits, podGraceMs: 60_000 } });
    const buildId = await harness.submit();
    const run = await evicted(buildId);
    await eventually('its end was seen three times', () => (harness.cluster.endsTold.get(run.name) ?? 0) >= 3, WAIT);
    expect(await harness.executions(buildId)).toMatchObject([{ state: 'running' }]);
    harness.cluster.images.set(`${REPOSITORY}:if-${buildId}-1`, 'sha256:late');
    harness.cluster.podsLinger = false;
    harness.cluster.killPods(run);
    // What its last pod pushed is found before another attempt is made: it is the outcome.
    expect(await harness.reaches(buildId, 'completed')).toMatchObject({ attempt: 1, image_digest: 'sha256:late' });
    const message = 'its run ended with PodEvicted, but its image stands under the attempt tag';
    expect(await harness.executions(buildId)).toMatchObject([{ outcome: 'succeeded', reason: 'Succeeded', message }]);
  });

  it('is repeated beside itself when nobody waits for its pods', async () => {
    const limits = { ...harness.limits, podGraceMs: 60_000, sealLimitMs: 500, runRetentionMs: 600_000 };
    await harness.start({ limits }, {}, { executor: new HastyExecutor(harness.cluster) });
    const buildId = await harness.submit();
    const run = await evicted(buildId);
    await eventually('another attempt runs', () => harness.cluster.created.length === 2, WAIT);
    expect(run.livePods).toBeGreaterThan(0);
  });
});
