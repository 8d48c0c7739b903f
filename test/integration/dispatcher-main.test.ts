import { attemptTag } from '@image-factory/domain';
import { eventually, type FakeCluster, TestSignal, UNRENDERABLE_PATH } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness, REPOSITORY } from './dispatcher-harness.js';

let harness: DispatcherHarness;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
});
afterEach(() => harness.close());

describe('the dispatcher', () => {
  it('takes a queued build to completed, its image to its tags and its log to the database', async () => {
    const dispatcher = await harness.start();
    const buildId = await harness.submit({ tags: ['v1', 'latest'] });
    const build = await harness.reaches(buildId, 'completed');
    const execution = await harness.execution(buildId);
    expect(execution).toMatchObject({ state: 'succeeded', outcome: 'succeeded', slot_held: false, log_gap: null });
    expect(build.image_digest).toMatch(/^sha256:/);
    for (const tag of ['v1', 'latest', attemptTag({ buildId, attempt: 1 })]) {
      expect(harness.cluster.images.get(`${REPOSITORY}:${tag}`)).toBe(build.image_digest);
    }
    const head = await harness.storedLog(execution.id, 'image-factory', 'start');
    expect(head.bytes.toString()).toBe(
      `Using Kubernetes namespace: image-factory-${harness.tenantId.slice(0, 8)}\n` +
        `Created PipelineRun: ${execution.pipeline_run_name}\n`,
    );
    expect((await harness.storedLog(execution.id, 'build', 'build')).bytes.toString()).toBe('STEP 1\nSTEP 2\npushed\n');
    const end = (await harness.storedLog(execution.id, 'image-factory', 'end')).bytes.toString();
    expect(end).toMatch(/^PipelineRun if-\S+ succeeded \(Succeeded\) after \d+\.\d s/);
    await eventually('its run is removed', () => harness.cluster.runs.size === 0);
    await eventually('its row is swept', async () => (await harness.execution(buildId)).swept_at !== null);
    expect(harness.cluster.secrets.size).toBe(0);
    expect(await harness.counters()).toEqual({ lane: 0, provider: 0 });
    expect(dispatcher.runtime?.followers.live).toBe(0);
  });

  it('writes the whole timeline in order', async () => {
    await harness.start();
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed');
    expect(await harness.timeline(buildId)).toEqual([
      'build:queued',
      'build:running',
      'execution:placing',
      'execution:creating',
      'execution:starting',
      'execution:sealing',
      'execution:promoting',
      'execution:succeeded',
      'build:completed',
    ]);
  });

  it('parks a build without an eligible provider and wakes it when one becomes fit', async () => {
    await harness.database.query(`UPDATE providers SET state = 'cordoned'`);
    await harness.start({ noProviderWaitMs: 600_000 });
    const buildId = await harness.submit();
    const parked = await eventually('it is parked', async () => {
      const row = await harness.build(buildId);
      return row.parked === 'NoEligibleProvider' ? row : undefined;
    });
    expect(parked.parked_message).toContain('cluster-1 is cordoned (ProviderCordoned)');
    expect(parked.attempt).toBe(0);
    await harness.database.query(`UPDATE providers SET state = 'enabled'`);
    await harness.reaches(buildId, 'completed');
    expect((await harness.build(buildId)).attempt).toBe(1);
  });

  it('fails a build that cannot be rendered, without touching a cluster', async () => {
    await harness.start();
    const buildId = await harness.submit({ config: { dockerfile_path: UNRENDERABLE_PATH } });
    const build = await harness.reaches(buildId, 'failed');
    expect(build.reason).toBe('BuildConfigInvalid');
    expect(harness.cluster.createRequests).toEqual([]);
    expect(await harness.counters()).toEqual({ lane: 0, provider: 0 });
  });

  it('does not let a provider that hangs delay builds for another', async () => {
    const other = await harness.addProvider('cluster-2');
    harness.cluster.beforePrepare = () => new TestSignal().raised;
    await harness.start({ claimBatch: 10, maxPlacing: 40 });
    const stuck = await Promise.all(
      Array.from({ length: 20 }, () => harness.submit({ requestedProviderId: harness.providerId })),
    );
    const began = performance.now();
    const free = await Promise.all(Array.from({ length: 5 }, () => harness.submit({ requestedProviderId: other.id })));
    await Promise.all(free.map((buildId) => harness.reaches(buildId, 'completed')));
    expect(performance.now() - began).toBeLessThan(5_000);
    for (const buildId of stuck) expect((await harness.build(buildId)).status).not.toBe('completed');
  });

  it('parks a build with a back-off when its provider cannot be prepared, and uses no attempt', async () => {
    harness.cluster.reachable = false;
    await harness.start();
    const buildId = await harness.submit();
    await eventually('it is parked', async () => (await harness.build(buildId)).parked === 'BackOff');
    // The build says what its tenant may read; the decision has the whole.
    expect((await harness.build(buildId)).parked_message).toBe(
      'provider cluster-1 cannot take it now (ClusterUnreachable): its cluster cannot be reached at present; an administrator sees why',
    );
    const [stored] = await harness.database.query<{ decision: { rejected: { reason: string; message: string }[] } }>(
      'SELECT decision FROM placement_decisions WHERE build_id = $1',
      [buildId],
    );
    expect(stored?.decision.rejected).toMatchObject([
      { reason: 'ClusterUnreachable', message: expect.stringContaining('fake cluster') },
    ]);
    harness.cluster.reachable = true;
    await harness.reaches(buildId, 'completed');
    expect((await harness.build(buildId)).attempt).toBe(1);
  });

  it('never places more on a provider than its limit', async () => {
    await harness.database.query('UPDATE providers SET max_concurrent_builds = 2');
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
    await harness.start();
    const builds = await Promise.all(Array.from({ length: 5 }, () => harness.submit()));
    await eventually('two run', () => harness.cluster.runs.size === 2);
    const rows = await Promise.all(builds.map((buildId) => harness.build(buildId)));
    expect(rows.filter(({ status, parked }) => status === 'queued' && parked === null)).toHaveLength(3);
    const endAll = (): void => {
      for (const run of harness.cluster.runs.values()) if (run.phase !== 'ended') harness.cluster.endRun(run);
    };
    for (const buildId of builds) {
      await eventually(`${buildId} is completed`, async () => {
        expect(harness.cluster.runs.size - countEnded(harness.cluster)).toBeLessThanOrEqual(2);
        endAll();
        return (await harness.build(buildId)).status === 'completed';
      });
    }
  });

  it('places by the breakers of the dispatcher that places, whatever another one meets', async () => {
    const held = { openBreakers: () => new Set([harness.providerId]) };
    await harness.start({}, {}, held);
    const buildId = await harness.submit();
    await eventually('it waits', async () => (await harness.build(buildId)).parked === 'NoEligibleProvider');
    expect((await harness.build(buildId)).parked_message).toContain('BreakerOpen');
    const reported = async () => {
      const [row] = await harness.database.query<{ open: string[] | null }>(
        `SELECT metrics -> 'open_breakers' AS open FROM dispatchers`,
      );
      return row?.open;
    };
    expect(
      await eventually('its heartbeat says so', async () => ((await reported())?.length ?? 0) > 0 && reported()),
    ).toEqual([harness.providerId]);
    await harness.database.query(
      `INSERT INTO provider_conditions (provider_id, type, status, reason, message, last_transition_at)
       VALUES ($1, 'RequestsAccepted', 'False', 'BreakerOpen', 'of the first dispatcher', now())`,
      [harness.providerId],
    );
    await harness.start();
    // Whichever of the two claims it: the second one's turn comes.
    await eventually('the other dispatcher has placed it', async () => {
      await harness.database.query('UPDATE builds SET parked_wake_at = now() WHERE parked IS NOT NULL');
      return (await harness.build(buildId)).status === 'completed';
    });
  });

  it('does not take a build again and again that its own breaker keeps away, whatever wakes others', async () => {
    await harness.start({}, {}, { openBreakers: () => new Set([harness.providerId]) });
    const builds = await Promise.all([
      harness.submit(),
      harness.submit({ requestedProviderId: harness.providerId }),
      harness.submit(),
    ]);
    const bounces = async () => {
      const [row] = await harness.database.query<{ most: number; all: number; at: Date }>(
        'SELECT max(bounces) AS most, sum(bounces)::int AS all, clock_timestamp() AS at FROM builds',
      );
      return row!;
    };
    const { at } = await eventually('all have waited', async () => (await bounces()).all >= 3 && bounces());
    expect((await harness.build(builds[0])).parked_message).toContain('(BreakerOpen)');
    const { most } = await eventually('others’ builds have ended there for a while', async () => {
      await harness.queue.wake(`provider:${harness.providerId}`, 10);
      await harness.queue.wake('provider:any', 10);
      const now = await bounces();
      return now.at.getTime() > at.getTime() + 3_000 && now;
    });
    // After one second at least, then after two, then after four.
    expect(most).toBeLessThanOrEqual(3);
  });

  it('leaves builds that its own breaker keeps away to those who can place them', async () => {
    const held = await harness.start({}, {}, { openBreakers: () => new Set([harness.providerId]) });
    await harness.start();
    const claimsOf = (dispatcher: typeof held): number => dispatcher.runtime?.parts.metrics.view().counters.claims ?? 0;
    const builds: string[] = [];
    for (let count = 0; count < 20; count += 1) {
      builds.push(await harness.submit());
      await eventually('it was taken by somebody', async () => {
        const { status, parked } = await harness.build(builds.at(-1)!);
        return status !== 'queued' || parked !== null;
      });
    }
    for (const buildId of builds) await harness.reaches(buildId, 'completed');
    expect(claimsOf(held)).toBeLessThan(7);
  });

  it('mirrors the operator’s own kubeconfig as a provider, once, and never over a name that is taken', async () => {
    const environment = { tektonKubeconfigPath: '/etc/kubeconfig' };
    await harness.start({}, environment);
    await harness.start({}, { tektonKubeconfigPath: '/etc/other' });
    const rows = await harness.database.query<{ source: string; generation: number; settings: Record<string, string> }>(
      `SELECT source, generation, settings FROM providers WHERE name = 'environment'`,
    );
    expect(rows).toEqual([
      { source: 'environment', generation: 2, settings: { auth_method: 'kubeconfig', kubeconfig_path: '/etc/other' } },
    ]);
    await harness.database.query(`DELETE FROM providers WHERE name = 'environment'`);
    await harness.database.query(
      `INSERT INTO providers (id, name, provider_type) VALUES (gen_random_uuid(), 'Environment', 'kubernetes')`,
    );
    await harness.start({}, environment);
    const sources = await harness.database.query(`SELECT source FROM providers WHERE lower(name) = 'environment'`);
    expect(sources).toEqual([{ source: 'api' }]);
  });

  it('claims nothing while dispatching is paused', async () => {
    await harness.database.query('UPDATE installation SET dispatch_paused = true');
    await harness.start();
    const buildId = await harness.submit();
    await eventually('some rounds have passed', async () => {
      const [row] = await harness.database.query<{ beats: boolean }>(
        `SELECT heartbeat_at > started_at + interval '600 ms' AS beats FROM dispatchers`,
      );
      return row?.beats;
    });
    expect((await harness.build(buildId)).status).toBe('queued');
    await harness.database.query('UPDATE installation SET dispatch_paused = false');
    await harness.reaches(buildId, 'completed');
  });

  it('answers livez, readyz and metrics, and reports its numbers to the database', async () => {
    const dispatcher = await harness.start({}, {}, { http: true });
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed');
    const base = `http://127.0.0.1:${dispatcher.port}`;
    await eventually('ready', async () => (await fetch(`${base}/readyz`)).status === 200);
    const livez = (await (await fetch(`${base}/livez`)).json()) as { status: string; loops: { name: string }[] };
    expect(livez.status).toBe('ok');
    expect(livez.loops.map((loop) => loop.name)).toEqual(
      expect.arrayContaining(['heartbeat', 'dispatch', 'sweep-runs']),
    );
    expect((await fetch(`${base}/metrics`)).status).toBe(200);
    const metrics = await eventually('the metrics are in the row', async () => {
      const [row] = await harness.database.query<{ metrics: Record<string, number> }>(
        'SELECT metrics FROM dispatchers',
      );
      return row?.metrics['dispatches'] === 1 ? row.metrics : undefined;
    });
    expect(metrics).toMatchObject({
      claims: 1,
      claim_errors: 0,
      dispatch_errors: 0,
      requeues: 0,
      skipped_for_limit: 0,
    });
    expect(metrics['dispatch_latency_ms']).toBeGreaterThan(0);
    const { durations } = dispatcher.runtime!.parts.metrics.view();
    expect(durations.queueWait).toMatchObject({ count: 1 });
    expect(durations.queueWait?.maxSeconds).toBeLessThan(10);
    expect(durations.tenantClock?.count).toBeGreaterThan(1);
    expect(durations.buildDuration).toMatchObject({ count: 1 });
    expect(durations.buildDuration?.maxSeconds).toBeLessThan(60);
    expect(durations.logLag?.count).toBeGreaterThan(0);
    expect(durations.logLag?.maxSeconds).toBeLessThan(10);
  });
});

function countEnded(cluster: FakeCluster): number {
  return [...cluster.runs.values()].filter((run) => run.phase === 'ended').length;
}
