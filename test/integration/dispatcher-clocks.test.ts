import { setTimeout as sleep } from 'node:timers/promises';
import { startTelemetry, type Telemetry } from '@image-factory/telemetry';
import { eventually } from '@image-factory/test-support';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness } from './dispatcher-harness.js';

let harness: DispatcherHarness;
let telemetry: Telemetry;
beforeAll(async () => {
  telemetry = await startTelemetry({ service: 'test', version: '0' });
});
beforeEach(async () => {
  harness = await DispatcherHarness.open();
});
afterEach(() => harness.close());
afterAll(() => telemetry.shutdown());

/** What a metric says of a clock: of the tenant, or of all providers since the file's first test; undefined: nothing. */
async function figure(metric: string, clock: string): Promise<number | undefined> {
  const whose = metric.startsWith('tenant') ? `tenant="${harness.tenantId}"` : 'provider="cluster-1"';
  const lines = (await telemetry.metricsText()).split('\n');
  const found = lines.find(
    (line) => line.startsWith(`image_factory_${metric}{`) && line.includes(`clock="${clock}"`) && line.includes(whose),
  );
  return found === undefined ? undefined : Number(found.split(' ').at(-1));
}

/** What waits has waited so much longer. */
async function later(hours: number): Promise<void> {
  await harness.database.query(
    `UPDATE builds SET queued_at = queued_at - $1::integer * interval '1 hour' WHERE status = 'queued'`,
    [hours],
  );
}

describe('the metrics of clocks', () => {
  it('count the whole wait of a build that was claimed, parked and placed hours later, once', async () => {
    await harness.database.query(`UPDATE providers SET state = 'cordoned'`);
    const dispatcher = await harness.start({ noProviderWaitMs: 600_000 });
    const buildId = await harness.submit({ queueTimeoutMinutes: 1440 });
    await eventually('it is parked', async () => (await harness.build(buildId)).parked === 'NoEligibleProvider');
    expect(await figure('tenant_clock_seconds_count', 'queue')).toBeUndefined();
    await later(3);
    await harness.database.query(`UPDATE providers SET state = 'enabled'`);
    await harness.reaches(buildId, 'completed');
    expect(await figure('tenant_clock_seconds_count', 'queue')).toBe(1);
    expect(await figure('tenant_clock_seconds_sum', 'queue')).toBeGreaterThan(3 * 3600);
    const { queueWait } = dispatcher.runtime!.parts.metrics.view().durations;
    expect(queueWait?.count).toBe(1);
    expect(queueWait?.maxSeconds).toBeGreaterThan(3 * 3600);
  });

  it('count a build that waited for its whole queue limit', async () => {
    await harness.database.query('UPDATE installation SET dispatch_paused = true');
    await harness.start();
    const buildId = await harness.submit({ queueTimeoutMinutes: 60 });
    await later(2);
    expect(await harness.reaches(buildId, 'failed')).toMatchObject({ reason: 'QueueTimeout' });
    await eventually('it is counted', async () => (await figure('tenant_clock_timeouts_total', 'queue')) === 1);
  });

  it('count an attempt that was lost with its cluster, and say nothing of how long it ran', async () => {
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
    await harness.start({ watchStaleMs: 200 });
    const buildId = await harness.submit();
    const run = await eventually('its run is there', () => harness.cluster.runOfBuild(buildId));
    harness.cluster.startRun(run);
    await harness.inState(buildId, 'running');
    harness.cluster.reachable = false;
    await harness.inState(buildId, 'lost', 30_000);
    await eventually('it is counted', async () => (await figure('cluster_clock_timeouts_total', 'loss')) === 1);
    expect(await figure('tenant_clock_timeouts_total', 'loss')).toBe(1);
    expect(await figure('tenant_clock_seconds_sum', 'loss')).toBeGreaterThanOrEqual(harness.limits.lossLimitMs / 1000);
    expect(await figure('tenant_clock_seconds_count', 'run')).toBeUndefined();
  });

  it('count an attempt that its cluster put off until its placement clock ran out', async () => {
    harness.cluster.failCreates(...Array.from({ length: 500 }, () => 'retry-later' as const));
    await harness.start();
    const buildId = await harness.submit();
    await harness.inState(buildId, 'moved', 30_000);
    await eventually(
      'it is counted',
      async () => ((await figure('cluster_clock_timeouts_total', 'placement')) ?? 0) >= 1,
    );
    expect(await figure('tenant_clock_seconds_sum', 'placement')).toBeGreaterThanOrEqual(
      harness.limits.placementBudgetMs / 1000,
    );
  });

  it('count a log that was not whole before its seal clock ran out', async () => {
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
    await harness.start({ limits: { ...harness.limits, sealLimitMs: 600 } });
    const buildId = await harness.submit();
    const run = await eventually('its run is there', () => harness.cluster.runOfBuild(buildId));
    harness.cluster.startRun(run);
    await harness.inState(buildId, 'running');
    harness.cluster.endRun(run);
    run.steps[1]!.ended = false;
    await harness.reaches(buildId, 'completed');
    await eventually('it is counted', async () => (await figure('cluster_clock_timeouts_total', 'seal')) === 1);
    expect(await figure('tenant_clock_seconds_sum', 'seal')).toBeGreaterThanOrEqual(0.6);
  });
});

describe('the start clock', () => {
  it('counts the wait of a later pod from when the run was seen to run, though its cluster’s clock is behind', async () => {
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
    const dispatcher = await harness.start();
    const buildId = await harness.submit({ startLimitMinutes: 15 });
    const run = await eventually('its run is there', () => harness.cluster.runOfBuild(buildId));
    await harness.database.query(`UPDATE build_executions SET created_at = now() - interval '40 minutes'`);
    harness.cluster.startRun(run);
    await harness.inState(buildId, 'running');
    await eventually('clocks may fire', () => dispatcher.runtime?.judge.isSettled());
    await sleep(2 * harness.limits.lookAgainMs);
    run.waitingSince = new Date(Date.now() - 20 * 60_000);
    await harness.waitsTwice(buildId, run);
    expect(harness.cluster.stops).toEqual([]);
  });
});

describe('the run clock', () => {
  it.each([
    ['past its limit while nobody could look is the build’s own', 11, ['failed', 'RunTimeout', 1]],
    ['for less than its limit is tried again', 9, ['completed', 'Succeeded', 2]],
  ] as const)(
    'what its cluster’s own limit ended after it had run %s',
    async (_what, minutes, [status, reason, runs]) => {
      const { defaultScript } = harness.cluster;
      const failure = { reason: 'PipelineRunTimeout', fault: 'cluster' } as const;
      harness.cluster.defaultScript = { ...defaultScript, pace: 'held', exitCode: 1, failure };
      await harness.start();
      const buildId = await harness.submit({ buildTimeoutMinutes: 10 });
      const run = await eventually('its run is there', () => harness.cluster.runOfBuild(buildId));
      harness.cluster.defaultScript = defaultScript;
      run.firstStepStartedAt = new Date(Date.now() - minutes * 60_000);
      harness.cluster.endRun(run);
      expect(await harness.reaches(buildId, status)).toMatchObject({ reason });
      expect(harness.cluster.created).toHaveLength(runs);
    },
  );

  it('counts no wait of a pod, though its cluster’s clock is so far behind that its step seems to have begun then', async () => {
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
    const dispatcher = await harness.start();
    const buildId = await harness.submit({ buildTimeoutMinutes: 10, startLimitMinutes: 15 });
    const run = await eventually('its run is there', () => harness.cluster.runOfBuild(buildId));
    await harness.inState(buildId, 'starting');
    await harness.database.query(`UPDATE build_executions SET placed_at = now() - interval '14 minutes'`);
    await eventually('clocks may fire', () => dispatcher.runtime?.judge.isSettled());
    harness.cluster.startRun(run);
    run.firstStepStartedAt = new Date(Date.now() - 12 * 60_000);
    await harness.inState(buildId, 'running');
    await harness.waitsTwice(buildId, run);
    expect(harness.cluster.stops).toEqual([]);
    expect((await harness.execution(buildId)).run_seconds).toBeLessThan(60);
  });
});
