import { eventually, type FakeRun } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness } from './dispatcher-harness.js';

let harness: DispatcherHarness;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
  harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
});
afterEach(() => harness.close());

async function runOf(buildId: string): Promise<FakeRun> {
  return eventually('its run is there', () => harness.cluster.runOfBuild(buildId), { deadlineMs: 20_000 });
}

describe('builds of one key on a dispatcher', () => {
  it('take each other’s place: what runs is stopped, what waits never reaches a cluster, the newest runs', async () => {
    const concurrency = { key: 'main', policy: 'cancel_running' as const };
    await harness.start();
    const first = await harness.submit({ concurrency });
    const run = await runOf(first);
    harness.cluster.startRun(run);
    await harness.inState(first, 'running');
    harness.cluster.podsLinger = true;
    const second = await harness.submit({ concurrency });
    await harness.inState(first, 'sealing');
    const third = await harness.submit({ concurrency });
    expect(await harness.reaches(second, 'cancelled')).toMatchObject({ reason: 'Superseded' });
    expect(harness.cluster.created).toEqual([run.name]);
    harness.cluster.killPods(run);
    expect(await harness.reaches(first, 'cancelled')).toMatchObject({ reason: 'Superseded' });
    expect(harness.cluster.stops).toEqual([{ name: run.name, intent: 'Superseded' }]);
    const last = await runOf(third);
    harness.cluster.startRun(last);
    harness.cluster.endRun(last);
    await harness.reaches(third, 'completed');
    expect(await harness.counters()).toEqual({ lane: 0, provider: 0 });
  });

  it('are superseded by the newest while one runs: of a hundred one runs, one waits, 98 never reach a cluster', async () => {
    const concurrency = { key: 'main', policy: 'cancel_queued' as const };
    await harness.start();
    const first = await harness.submit({ concurrency });
    const run = await runOf(first);
    harness.cluster.startRun(run);
    await harness.inState(first, 'running');
    await Promise.all(Array.from({ length: 99 }, () => harness.submit({ concurrency })));
    const counted = (): Promise<{ status: string; reason: string | null; count: number }[]> =>
      harness.database.query(
        'SELECT status, reason, count(*)::integer AS count FROM builds GROUP BY status, reason ORDER BY status',
      );
    expect(await counted()).toEqual([
      { status: 'cancelled', reason: 'Superseded', count: 98 },
      { status: 'queued', reason: null, count: 1 },
      { status: 'running', reason: null, count: 1 },
    ]);
    const [newest] = await harness.database.query<{ id: string }>(`SELECT id FROM builds WHERE status = 'queued'`);
    harness.cluster.endRun(run);
    const last = await runOf(newest!.id);
    harness.cluster.startRun(last);
    harness.cluster.endRun(last);
    await harness.reaches(newest!.id, 'completed');
    expect(harness.cluster.createRequests).toHaveLength(2);
    expect(harness.cluster.created).toEqual([run.name, last.name]);
    expect(harness.cluster.stops).toEqual([]);
    expect(await harness.counters()).toEqual({ lane: 0, provider: 0 });
  });

  it('wait their turn and all run, one after the other', async () => {
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'auto' };
    const concurrency = { key: 'main', policy: 'queue' as const };
    const builds = [];
    for (let n = 0; n < 4; n += 1) builds.push(await harness.submit({ concurrency }));
    await harness.start();
    for (const buildId of builds) await harness.reaches(buildId, 'completed');
    const rows = await harness.database.query<{ pipeline_run_name: string }>(
      'SELECT pipeline_run_name FROM build_executions WHERE pipeline_run_name IS NOT NULL ORDER BY build_id',
    );
    const names = rows.map((row) => row.pipeline_run_name);
    expect(names).toHaveLength(builds.length);
    expect(harness.cluster.created).toEqual(names);
  });
});
