import { PostgresDrains } from '@image-factory/persistence';
import { eventually, type FakeRun } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness, type SeededProvider } from './dispatcher-harness.js';

const WAIT = { deadlineMs: 30_000 };
const PATIENT = { lossLimitMs: 600_000, podGraceMs: 600_000 };

let harness: DispatcherHarness;
let other: SeededProvider;

/** One cluster that everything goes to first, and another one beside it; runs wait for what the test does with them. */
beforeEach(async () => {
  harness = await DispatcherHarness.open();
  other = await harness.addProvider('cluster-2');
  await harness.database.query('UPDATE providers SET is_default = true WHERE id = $1', [harness.providerId]);
  harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
});
afterEach(async () => {
  for (const { created } of [harness.cluster, other.cluster]) expect(new Set(created).size).toBe(created.length);
  await harness.close();
});

async function drain(deadline: string): Promise<void> {
  await harness.database.query(
    `UPDATE providers SET state = 'draining', drain_deadline_at = now() + $2::interval, state_changed_at = now() WHERE id = $1`,
    [harness.providerId, deadline],
  );
}

async function running(
  part: Parameters<DispatcherHarness['submit']>[0] = {},
): Promise<{ buildId: string; run: FakeRun }> {
  const buildId = await harness.submit(part);
  const run = await eventually('its run is there', () => harness.cluster.runOfBuild(buildId), WAIT);
  harness.cluster.startRun(run);
  await harness.inState(buildId, 'running');
  return { buildId, run };
}

/** A build that goes to the other cluster and ends there: whoever dispatches has looked at everything meanwhile. */
async function oneElsewhere(): Promise<void> {
  const buildId = await harness.submit();
  await harness.reaches(buildId, 'completed', WAIT.deadlineMs);
  expect(await harness.execution(buildId)).toMatchObject({ attempt: 1, provider_id: other.id });
}

const movedOnce = async (buildId: string): Promise<void> => {
  expect(await harness.executions(buildId)).toMatchObject([
    { attempt: 1, state: 'moved', reason: 'Drain', provider_id: harness.providerId },
    { attempt: 2, provider_id: other.id },
  ]);
};

const progress = () => new PostgresDrains(harness.database).progress(harness.providerId, 10);

describe('a drain', () => {
  it('lets what runs end until its deadline, and takes nothing new', async () => {
    await harness.start();
    const { buildId, run } = await running();
    await drain('1 hour');
    await oneElsewhere();
    expect(await progress()).toMatchObject({ remaining: 1, moving: 0, executions: [{ buildId, moving: false }] });
    harness.cluster.endRun(run);
    expect(await harness.reaches(buildId, 'completed')).toMatchObject({ attempt: 1 });
    await eventually('nothing is left there', async () => {
      const { remaining, finishing } = await progress();
      return remaining + finishing === 0;
    });
  });

  it('moves what runs past its deadline only when no pod of it runs any more', async () => {
    harness.cluster.podsLinger = true;
    await harness.start({ limits: { ...harness.limits, ...PATIENT } });
    const { buildId, run } = await running();
    await drain('-1 second');
    await eventually('its run is told to stop', () => harness.cluster.stops[0], WAIT);
    expect(await progress()).toMatchObject({ remaining: 1, moving: 1, executions: [{ buildId, moving: true }] });
    await oneElsewhere();
    expect(await harness.executions(buildId)).toHaveLength(1);
    harness.cluster.killPods(run);
    await harness.reaches(buildId, 'completed', WAIT.deadlineMs);
    await movedOnce(buildId);
    expect(harness.cluster.stops).toEqual([{ name: run.name, intent: 'Drain' }]);
  });

  it('does not move what is out of sight, and does when it is seen again', async () => {
    await harness.start({ limits: { ...harness.limits, ...PATIENT } });
    const { buildId } = await running();
    harness.cluster.reachable = false;
    await drain('-1 second');
    await oneElsewhere();
    expect(await harness.executions(buildId)).toMatchObject([{ attempt: 1, state: 'running' }]);
    harness.cluster.reachable = true;
    await harness.reaches(buildId, 'completed', WAIT.deadlineMs);
    await movedOnce(buildId);
  });

  it('moves what was never made', async () => {
    harness.cluster.failCreates(...Array.from({ length: 500 }, () => 'retry-later' as const));
    await harness.start({ limits: { ...harness.limits, placementBudgetMs: 600_000 } });
    const buildId = await harness.submit();
    await harness.inState(buildId, 'creating');
    await drain('-1 second');
    await harness.reaches(buildId, 'completed', WAIT.deadlineMs);
    await movedOnce(buildId);
    expect(harness.cluster.created).toEqual([]);
  });

  it('that is called off before its deadline moves nothing', async () => {
    await harness.start();
    const { buildId, run } = await running();
    await drain('1 hour');
    await oneElsewhere();
    await harness.database.query(`UPDATE providers SET state = 'enabled', drain_deadline_at = NULL`);
    harness.cluster.endRun(run);
    expect(await harness.reaches(buildId, 'completed')).toMatchObject({ attempt: 1 });
  });

  it('makes a build that named its provider wait for it, and says so', async () => {
    await harness.start({ noProviderWaitMs: 200 });
    const { buildId } = await running({ requestedProviderId: harness.providerId });
    await drain('-1 second');
    const parked = await eventually('it waits', async () => {
      const row = await harness.build(buildId);
      return row.parked === 'NoEligibleProvider' ? row : undefined;
    });
    expect(parked.parked_message).toContain('cluster-1 is draining (ProviderDraining)');
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'auto' };
    await harness.database.query(`UPDATE providers SET state = 'enabled', drain_deadline_at = NULL`);
    expect(await harness.reaches(buildId, 'completed', WAIT.deadlineMs)).toMatchObject({ attempt: 2 });
  });
});

describe('a move whose dispatcher is killed', () => {
  it('before the cluster was told goes on from the stored intent', async () => {
    const dead = await harness.start();
    const { buildId, run } = await running();
    await dead.abandon();
    await harness.database.query(
      `UPDATE build_executions SET stop_intent = 'Drain', stop_requested_at = now() WHERE build_id = $1`,
      [buildId],
    );
    await drain('-1 second');
    await harness.start();
    await harness.reaches(buildId, 'completed', WAIT.deadlineMs);
    await movedOnce(buildId);
    expect(harness.cluster.stops).toEqual([{ name: run.name, intent: 'Drain' }]);
  });

  it('while the pods end makes no second attempt before they have', async () => {
    harness.cluster.podsLinger = true;
    const limits = { ...harness.limits, ...PATIENT };
    const dead = await harness.start({ limits });
    const { buildId, run } = await running();
    await drain('-1 second');
    await eventually('its run is told to stop', () => harness.cluster.stops[0], WAIT);
    await dead.abandon();
    await harness.start({ limits });
    await oneElsewhere();
    expect(await harness.executions(buildId)).toHaveLength(1);
    harness.cluster.killPods(run);
    await harness.reaches(buildId, 'completed', WAIT.deadlineMs);
    await movedOnce(buildId);
  });

  it.each([1, 2, 3, 4])('again and again, wherever that is, ends with one attempt elsewhere (%i)', async (seed) => {
    let dispatcher = await harness.start();
    const builds = [await running(), await running(), await running()];
    await drain('-1 second');
    for (let kill = 0; kill < 3; kill += 1) {
      const events = 1 + ((seed * 7 + kill * 3) % 5);
      const before = await eventCount();
      await eventually(
        'something was written',
        async () => (await eventCount()) >= before + events || (await allMoved()),
        WAIT,
      );
      await dispatcher.abandon();
      dispatcher = await harness.start();
    }
    for (const { buildId } of builds) {
      await harness.reaches(buildId, 'completed', WAIT.deadlineMs);
      await movedOnce(buildId);
    }
    expect(harness.cluster.created).toHaveLength(3);
    expect(other.cluster.created).toHaveLength(3);
    await eventually('all slots are free', async () => {
      const { lane, provider } = await harness.counters();
      return lane + provider === 0;
    });
  });
});

async function eventCount(): Promise<number> {
  const [row] = await harness.database.query<{ n: number }>('SELECT count(*)::int AS n FROM build_events');
  return row?.n ?? 0;
}

async function allMoved(): Promise<boolean> {
  const [row] = await harness.database.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM build_executions WHERE attempt = 2 AND state = 'succeeded'`,
  );
  return row?.n === 3;
}
