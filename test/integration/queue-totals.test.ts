import { PostgresQueueTotals } from '@image-factory/persistence';
import { startTelemetry } from '@image-factory/telemetry';
import { expect, it } from 'vitest';
import { DispatcherHarness } from './dispatcher-harness.js';
import { QueueWorld } from './queue-world.js';

it('the queue’s totals count builds of all tenants and the longest wait of those that are next', async () => {
  const world = await QueueWorld.open();
  try {
    const totals = new PostgresQueueTotals(world.database);
    const empty = { queued: 0, parked: 0, running: 0, longestWaitSeconds: 0, paused: false };
    expect(await totals.read()).toEqual(empty);
    const [first, second] = [await world.tenant(), await world.tenant()];
    const waits = await world.submit(first);
    await world.submit(second);
    await world.submit(second, { notBefore: new Date(Date.now() + 3_600_000) });
    await world.database.query(`UPDATE builds SET queued_at = queued_at - interval '90 seconds' WHERE id = $1`, [
      waits,
    ]);
    await world.database.query('UPDATE installation SET dispatch_paused = true');
    const { longestWaitSeconds, ...counts } = await totals.read();
    expect(counts).toEqual({ queued: 2, parked: 1, running: 0, paused: true });
    expect(longestWaitSeconds).toBeGreaterThanOrEqual(90);
    expect(longestWaitSeconds).toBeLessThan(600);
  } finally {
    await world.close();
  }
});

it('a dispatcher shows them to the metrics', async () => {
  const telemetry = await startTelemetry({ service: 'image-factory-test', version: '0.0.0' });
  const harness = await DispatcherHarness.open();
  try {
    await harness.database.query('UPDATE installation SET dispatch_paused = true');
    await harness.submit();
    await harness.start({ periodicScale: 0.01 });
    const shown = async (): Promise<string[]> => [
      ...((await telemetry.metricsText()).match(/^image_factory_queue_(?:builds|paused).*$/gm) ?? []),
    ];
    await expect
      .poll(shown, { timeout: 20_000 })
      .toEqual([
        'image_factory_queue_builds{state="queued"} 1',
        'image_factory_queue_builds{state="parked"} 0',
        'image_factory_queue_builds{state="running"} 0',
        'image_factory_queue_paused 1',
      ]);
  } finally {
    await harness.close();
    await telemetry.shutdown();
  }
});
