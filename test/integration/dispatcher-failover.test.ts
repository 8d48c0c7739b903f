import { randomUUID } from 'node:crypto';
import type { Dispatcher } from '@image-factory/dispatcher';
import { eventually, type FakeRun } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness, type SeededProvider } from './dispatcher-harness.js';

let harness: DispatcherHarness;
let other: SeededProvider;
let installationId: string;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
  installationId = (await harness.database.query<{ id: string }>('SELECT id FROM installation'))[0]!.id;
  other = await harness.addProvider('cluster-2');
});
afterEach(() => harness.close());

const OFTEN = { periodicScale: 0.02 } as const;

/** From the rows' point of view: they were written by another database than the one that answers now. */
async function failOver(): Promise<void> {
  await harness.database.query(`UPDATE installation SET database_identity = 'older/00000000'`);
}

/** A build whose run goes on on the first cluster, while its dispatcher has died with the old primary. */
async function runningOrphan(): Promise<{ buildId: string; run: FakeRun }> {
  harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
  await harness.database.query(`UPDATE providers SET state = 'cordoned' WHERE id = $1`, [other.id]);
  const dispatcher = await harness.start();
  const buildId = await harness.submit();
  const run = await eventually('its run is there', () => harness.cluster.runOfBuild(buildId), { deadlineMs: 20_000 });
  harness.cluster.startRun(run);
  await harness.inState(buildId, 'running');
  await dispatcher.abandon();
  await harness.database.query(`UPDATE providers SET state = CASE WHEN id = $1 THEN 'enabled' ELSE 'cordoned' END`, [
    other.id,
  ]);
  return { buildId, run };
}

/** What a standby had of it that did not get the last commits. */
const LOST = {
  /** The placement. */
  placement: async (buildId: string) => {
    await harness.database.query(
      `UPDATE build_executions
          SET state = 'placing', provider_id = NULL, shard = NULL, cluster_uid = NULL, namespace = NULL, document = NULL,
              document_hash = NULL, pipeline_run_name = NULL, pipeline_run_uid = NULL, first_step_started_at = NULL
        WHERE build_id = $1`,
      [buildId],
    );
    await harness.database.query('UPDATE providers SET running = 0');
  },
  /** The claim too. */
  claim: async (buildId: string) => {
    await harness.database.query('DELETE FROM build_events WHERE execution_id IS NOT NULL');
    await harness.database.query('DELETE FROM placement_decisions');
    await harness.database.query('DELETE FROM build_executions WHERE build_id = $1', [buildId]);
    await harness.database.query(`UPDATE builds SET status = 'queued', queue_key = 0, attempt = 0 WHERE id = $1`, [
      buildId,
    ]);
    await harness.database.query('UPDATE lanes SET running = 0, running_cpu = 0, running_memory = 0, queued = 1');
    await harness.database.query('UPDATE providers SET running = 0');
  },
};

describe('a run whose placement was lost with a failover', () => {
  it.each(['placement', 'claim'] as const)('(%s) is over before its build runs again', async (lost) => {
    const { buildId, run } = await runningOrphan();
    await LOST[lost](buildId);
    await failOver();
    const seen: { phase: string; pods: number; secrets: number }[] = [];
    other.cluster.beforeCreate = () => {
      seen.push({ phase: run.phase, pods: run.livePods, secrets: harness.cluster.secrets.size });
      return Promise.resolve();
    };
    await harness.start(OFTEN);
    expect(await harness.reaches(buildId, 'completed')).toMatchObject({ attempt: 1 });
    expect(seen).toEqual([{ phase: 'ended', pods: 0, secrets: 0 }]);
    expect(harness.cluster.runs.size).toBe(0);
    expect(other.cluster.created).toHaveLength(1);
  });

  it('is waited for while a pod of it lives', async () => {
    const { buildId, run } = await runningOrphan();
    await LOST.placement(buildId);
    await failOver();
    harness.cluster.podsLinger = true;
    const dispatcher = await harness.start({ ...OFTEN, limits: { ...harness.limits, lossLimitMs: 60_000 } });
    await eventually('it is stopped', () => run.phase === 'ended', { deadlineMs: 20_000 });
    await rounds(dispatcher, 3);
    expect(dispatcher.runtime?.lease.claimsHeld).toBe(true);
    expect(other.cluster.created).toEqual([]);
    harness.cluster.killPods(run);
    await harness.reaches(buildId, 'completed');
  });

  it('is given up after the loss limit, as one on a lost cluster is', async () => {
    const { buildId } = await runningOrphan();
    await LOST.placement(buildId);
    await failOver();
    harness.cluster.podsLinger = true;
    await harness.start(OFTEN);
    await harness.reaches(buildId, 'completed');
    expect(harness.cluster.runs.size).toBe(1);
  });
});

describe('after a failover', () => {
  it('nothing that was claimed before is placed until the clusters were compared', async () => {
    let prepared = (): void => undefined;
    const preparing = new Promise<void>((resolve) => (prepared = resolve));
    let goOn = (): void => undefined;
    harness.cluster.beforePrepare = () => {
      prepared();
      return new Promise((resolve) => (goOn = resolve));
    };
    await harness.database.query(`UPDATE providers SET state = 'cordoned' WHERE id = $1`, [other.id]);
    await harness.start(OFTEN);
    const buildId = await harness.submit();
    await preparing;
    other.cluster.reachable = false;
    await failOver();
    goOn();
    harness.cluster.beforePrepare = () => Promise.resolve();
    await eventually('its claim is given back', async () => (await harness.build(buildId)).status === 'queued');
    expect(harness.cluster.createRequests).toEqual([]);
    other.cluster.reachable = true;
    expect(await harness.reaches(buildId, 'completed')).toMatchObject({ attempt: 1 });
  });

  it('a run of a build that the rows do not know is left alone, and waited for by nobody', async () => {
    const stray = addStray({ buildId: randomUUID() });
    await failOver();
    await harness.start(OFTEN);
    await harness.reaches(await harness.submit(), 'completed');
    expect(stray.phase).toBe('running');
  });

  it('a cluster that was not waited for is compared when it returns, and once', async () => {
    const dispatcher = await harness.start({ periodicScale: 100 });
    await eventually('it is settled', () => dispatcher.runtime?.judge.isSettled(), { deadlineMs: 20_000 });
    await eventually('it holds the shards', () => dispatcher.runtime?.followers.leases.length === 16);
    await rounds(dispatcher, 1);
    await harness.database.query(`UPDATE cluster_shards SET compared_identity = 'older' WHERE provider_id = $1`, [
      other.id,
    ]);
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed');
    const compared = addStray({ buildId });
    const returned = addStray({ buildId }, other.cluster);
    await rounds(dispatcher, 3);
    expect(dispatcher.runtime?.lease.claimsHeld).toBe(false);
    expect([...other.cluster.runs.values()]).not.toContain(returned);
    expect(compared.phase).toBe('running');
    const late = addStray({ buildId }, other.cluster);
    await rounds(dispatcher, 3);
    expect(late.phase).toBe('running');
    expect([...dispatcher.runtime!.sweeps.values()].flatMap(({ orphans }) => orphans)).toHaveLength(2);
  });
});

/** Rounds of the sweep, one after the other. */
async function rounds(dispatcher: Dispatcher, count: number): Promise<void> {
  const sweep = dispatcher.tasks.find(({ definition }) => definition.name === 'sweep-runs');
  for (let round = 0; round < count; round += 1) await sweep?.tick();
}

/** A run that nobody placed, by the database that answers now. */
function addStray({ buildId }: { readonly buildId: string }, cluster = harness.cluster): FakeRun {
  cluster.scripts.set(buildId, { pace: 'held' });
  const run = cluster.addRun({
    name: `stray-${randomUUID()}`,
    namespace: 'somewhere',
    installationId,
    executionId: randomUUID(),
    buildId,
    attempt: 2,
    shard: 3,
    document: '{}',
  });
  cluster.startRun(run);
  return run;
}
