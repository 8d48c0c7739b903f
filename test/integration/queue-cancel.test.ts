import { randomUUID } from 'node:crypto';
import { eventually } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { QueueWorld } from './queue-world.js';

describe('a cancel', () => {
  let world: QueueWorld;
  let tenant: string;
  let dispatcher: string;

  beforeEach(async () => {
    world = await QueueWorld.open();
    tenant = await world.tenant();
    dispatcher = await world.dispatcher();
  });
  afterEach(async () => {
    expect(await world.queue.reconcileCounters()).toEqual({ drift: [], projects: [], providers: [] });
    await world.close();
  });

  const cancel = (buildId: string, tenantId = tenant) =>
    world.queue.requestCancel({ buildId, tenantId, actor: 'user:a', reason: 'not needed' });

  it('of a queued build is done at once', async () => {
    const build = await world.submit(tenant);
    expect(await cancel(build)).toEqual({ kind: 'cancelled', status: 'cancelled' });
    expect(await world.build(build)).toMatchObject({
      status: 'cancelled',
      reason: 'UserCancel',
      cancel_reason: 'not needed',
    });
    expect(await world.lane(tenant)).toEqual({ queued: 0, parked: 0, running: 0 });
    expect(await cancel(build)).toEqual({ kind: 'already', status: 'cancelled' });
    expect(await world.timeline(build)).toEqual(['build →queued', 'build queued→cancelled']);
  });

  it('of a parked build is done at once', async () => {
    const build = await world.submit(tenant, { notBefore: new Date(Date.now() + 60_000) });
    expect(await cancel(build)).toEqual({ kind: 'cancelled', status: 'cancelled' });
    expect(await world.lane(tenant)).toEqual({ queued: 0, parked: 0, running: 0 });
  });

  it('of a placed build is an intent that its owner confirms', async () => {
    const provider = await world.provider();
    const build = await world.submit(tenant);
    const { claimed, fence } = await world.placed(dispatcher, provider);
    expect(await cancel(build)).toEqual({ kind: 'cancelling', status: 'cancelling' });
    expect(await world.execution(claimed.executionId)).toMatchObject({ stop_intent: 'UserCancel', state: 'creating' });
    expect(await cancel(build)).toEqual({ kind: 'already', status: 'cancelling' });
    expect(await world.executions.setStopIntent(fence, claimed.executionId, 'Drain')).toBe('state-moved');
    expect(await world.executions.setStopIntent(fence, claimed.executionId, 'UserCancel')).toBe('done');
  });

  it('does not take the place of an intent that was there first', async () => {
    const provider = await world.provider();
    const build = await world.submit(tenant);
    const { claimed, fence } = await world.placed(dispatcher, provider);
    expect(await world.executions.setStopIntent(fence, claimed.executionId, 'RunLimit')).toBe('done');
    expect(await cancel(build)).toEqual({ kind: 'cancelling', status: 'cancelling' });
    expect(await world.execution(claimed.executionId)).toMatchObject({ stop_intent: 'RunLimit' });
  });

  it('of a build that has ended is refused, and of another tenant’s is not found', async () => {
    const build = await world.submit(tenant);
    const { executionId } = await world.claimOne(dispatcher);
    await world.queue.failPlacing({ executionId, dispatcherId: dispatcher, reason: 'BuildConfigInvalid', message: '' });
    expect(await cancel(build)).toEqual({ kind: 'finished', status: 'failed' });
    expect(await cancel(build, await world.tenant())).toEqual({ kind: 'not-found' });
    expect(await cancel(randomUUID())).toEqual({ kind: 'not-found' });
  });

  it('is not overtaken by a claim that stood in line for the lane before it', async () => {
    const build = await world.submit(tenant);
    const { database } = world;
    const inLine = (count: number): Promise<number> =>
      eventually(`${count} wait for the lane`, async () => {
        const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
        return (await database.query(waiting)).length === count ? count : undefined;
      });
    const both = await database.transaction(async (tx) => {
      await tx.query('SELECT FROM lanes WHERE tenant_id = $1 FOR UPDATE', [tenant]);
      const claim = world.queue.claim({ dispatcherId: dispatcher, limit: 1 });
      await inLine(1);
      const cancelled = cancel(build);
      await inLine(2);
      return { claim, cancelled };
    });
    expect(await both.cancelled).toEqual({ kind: 'cancelled', status: 'cancelled' });
    expect((await both.claim).claimed).toEqual([]);
  });

  it('races claims, releases and parks without losing a build or a count', async () => {
    const builds: string[] = [];
    for (let n = 0; n < 24; n += 1) builds.push(await world.submit(tenant));
    const claimer = async (id: string): Promise<void> => {
      for (let round = 0; round < 10; round += 1) {
        const { claimed } = await world.queue.claim({ dispatcherId: id, limit: 2 });
        for (const [index, { executionId }] of claimed.entries()) {
          const request = { executionId, dispatcherId: id };
          if (index === 0) await world.queue.release({ ...request, reason: 'ClusterUnavailable', message: '' });
          else
            await world.queue.park({ ...request, parking: { reason: 'BackOff', message: '', wakeOn: 'provider:any' } });
        }
        await world.queue.wake('provider:any');
      }
    };
    const dispatchers = await Promise.all([world.dispatcher(), world.dispatcher(), world.dispatcher()]);
    await Promise.all([...dispatchers.map(claimer), ...builds.map((build) => cancel(build))]);
    for (const id of dispatchers) await claimer(id);
    const statuses = await Promise.all(builds.map(async (build) => (await world.build(build)).status));
    expect(new Set(statuses)).toEqual(new Set(['cancelled']));
    expect(await world.lane(tenant)).toEqual({ queued: 0, parked: 0, running: 0 });
  });
});
