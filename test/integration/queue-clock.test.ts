import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { QueueWorld } from './queue-world.js';

let world: QueueWorld;
beforeEach(async () => {
  world = await QueueWorld.open(4);
});
afterEach(() => world.close());

/** Everything that waits has waited so much longer. */
async function later(seconds: number): Promise<void> {
  await world.database.query(
    `UPDATE builds SET queued_at = queued_at - $1::integer * interval '1 second' WHERE status = 'queued'`,
    [seconds],
  );
}

describe('the queue clock', () => {
  it('stands while an attempt runs, and goes on where it stopped when the build is back in the queue', async () => {
    const dispatcherId = await world.dispatcher();
    const provider = await world.provider();
    const build = await world.submit(await world.tenant(), { queueTimeoutMinutes: 10 });
    await later(400);
    const { claimed, fence } = await world.placed(dispatcherId, provider);
    await world.database.query(
      `UPDATE build_executions SET claimed_at = claimed_at - interval '2 hours', placed_at = placed_at - interval '2 hours'`,
    );
    expect(await world.queue.expireQueued(10, new Date())).toHaveLength(0);
    const lost = { state: 'lost' as const, reason: 'ClusterLost' as const, message: '', retry: true };
    expect(await world.executions.finish(fence, claimed.executionId, lost)).toBe('done');
    expect(await world.build(build)).toMatchObject({ status: 'queued' });
    await later(150);
    expect(await world.queue.expireQueued(10, new Date())).toHaveLength(0);
    await later(60);
    expect(await world.queue.expireQueued(10, new Date())).toHaveLength(1);
    expect(await world.build(build)).toMatchObject({ status: 'failed', reason: 'QueueTimeout', attempt: 1 });
  });

  it('shows the wait of a build that ends before it is placed', async () => {
    const dispatcherId = await world.dispatcher();
    const build = await world.submit(await world.tenant());
    await later(400);
    const claimed = await world.claimOne(dispatcherId);
    const read = 'SELECT queued_seconds FROM builds WHERE id = $1';
    await world.queue.release({ executionId: claimed.executionId, dispatcherId, reason: 'ClaimLost', message: '' });
    expect(await world.one(read, [build])).toEqual({ queued_seconds: 0 });
    await world.fail(await world.claimOne(dispatcherId), dispatcherId);
    const { queued_seconds: queued } = await world.one<{ queued_seconds: number }>(read, [build]);
    expect(queued).toBeGreaterThan(399);
    expect(queued).toBeLessThan(460);
  });
});
