import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { QueueWorld } from './queue-world.js';

describe('parked builds', () => {
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

  async function park(wakeOn: string): Promise<string> {
    const claimed = await world.claimOne(dispatcher);
    const parking = { reason: 'NoEligibleProvider' as const, message: 'none is healthy', wakeOn };
    const decision = { chosen: undefined, candidates: [], rejected: [], more: [] };
    expect(
      await world.queue.park({ executionId: claimed.executionId, dispatcherId: dispatcher, parking, decision }),
    ).toBe(true);
    return claimed.buildId;
  }

  it('are not claimed, use no attempt, keep their place, and come back by their event', async () => {
    const build = await world.submit(tenant);
    const { queue_key: key } = await world.build(build);
    await park('provider:any');
    expect(await world.build(build)).toMatchObject({
      status: 'queued',
      parked: 'NoEligibleProvider',
      queue_key: null,
      attempt: 0,
      bounces: 1,
    });
    expect(await world.lane(tenant)).toEqual({ queued: 0, parked: 1, running: 0 });
    expect((await world.queue.claim({ dispatcherId: dispatcher, limit: 1 })).claimed).toEqual([]);
    expect(await world.queue.wake('provider:other')).toBe(0);
    expect(await world.queue.wake('provider:any')).toBe(1);
    expect(await world.build(build)).toMatchObject({ status: 'queued', parked: null, queue_key: key });
    expect(await world.claimOne(dispatcher)).toMatchObject({ buildId: build, attempt: 1 });
    expect(await world.timeline(build)).toContain('waiting NoEligibleProvider→');
  });

  it('are claimed at every look, before all others, when they are given back to the order instead', async () => {
    const build = await world.submit(tenant);
    await world.submit(tenant);
    for (let bounces = 0; bounces < 5; bounces += 1) {
      const claimed = await world.claimOne(dispatcher);
      expect(claimed).toMatchObject({ buildId: build, bounces });
      const why = { reason: 'NoEligibleProvider' as const, message: 'none is healthy' };
      await world.queue.release({ executionId: claimed.executionId, dispatcherId: dispatcher, ...why });
    }
  });

  it('wait where there is no room: a provider whose watch is stale is degraded, as placement has it', async () => {
    const provider = await world.provider({ limit: 3 });
    const room = { id: provider, state: 'enabled', maxConcurrentBuilds: 3, running: 0, sweepBehind: false };
    const health = { verdict: 'healthy', tektonAnswers: true, watchFresh: true };
    expect(await world.queue.roomOfProviders()).toEqual([{ ...room, generation: expect.any(Number), health }]);
    await world.database.query('UPDATE providers SET watch_fresh = false');
    const [stale] = await world.queue.roomOfProviders();
    expect(stale?.health).toEqual({ ...health, verdict: 'degraded', watchFresh: false });
  });

  it('that wait for an event alone get a time too, in case it is missed', async () => {
    const build = await world.submit(tenant);
    await park('provider:x');
    const at = 'SELECT extract(epoch FROM parked_wake_at - now())::float8 AS seconds FROM builds WHERE id = $1';
    const { seconds } = await world.one<{ seconds: number }>(at, [build]);
    expect(seconds).toBeGreaterThan(5);
    expect(seconds).toBeLessThan(20);
  });

  it('come back when their time has come, not before', async () => {
    const soon = new Date(Date.now() + 3_600_000);
    const build = await world.submit(tenant, { notBefore: soon });
    expect(await world.build(build)).toMatchObject({ parked: 'NotBefore', queue_key: null });
    expect(await world.queue.wakeDue(10, new Date())).toBe(0);
    await world.database.query(`UPDATE builds SET parked_wake_at = now() - interval '1 second' WHERE id = $1`, [build]);
    expect(await world.queue.wakeDue(10, new Date())).toBe(1);
    expect(await world.build(build)).toMatchObject({ parked: null, queue_key: soon.getTime() });
  });

  it('wake oldest first, and only as many as asked', async () => {
    const builds = [await world.submit(tenant), await world.submit(tenant), await world.submit(tenant)];
    for (let n = 0; n < 3; n += 1) await park('provider:any');
    expect(await world.queue.wake('provider:any', 1)).toBe(1);
    expect(await Promise.all(builds.map(async (id) => (await world.build(id)).parked))).toEqual([
      null,
      'NoEligibleProvider',
      'NoEligibleProvider',
    ]);
  });

  it('wake by the turn of their tenants, however many of one have waited longer', async () => {
    const large = await world.tenant(1_000);
    for (let n = 0; n < 6; n += 1) await world.submit(large);
    const running = await world.claimOne(dispatcher);
    for (let n = 0; n < 5; n += 1) await park('provider:any');
    const late = await world.submit(tenant, { priority: -50 });
    await park('provider:any');
    expect(await world.queue.wake('provider:any', 1)).toBe(1);
    expect((await world.build(late)).parked).toBeNull();
    await world.fail(running, dispatcher);
  });

  it('are woken by a provider’s room only where it would take them, and those that it would not are looked past', async () => {
    const provider = await world.provider({ limit: 2 });
    const other = await world.tenant();
    const fits: string[] = [];
    const submit = async (tenantId: string, architecture: string): Promise<string> =>
      (await world.submitNew(tenantId, { request: { requirements: { architecture } } })).id;
    for (let n = 0; n < 60; n += 1) await submit(n < 40 ? tenant : other, 's390x');
    fits.push(await submit(tenant, 'arm64'), await submit(other, 'arm64'));
    await world.database.query(
      `UPDATE builds SET queue_key = NULL, parked = 'NoEligibleProvider', parked_wake_on = 'provider:any'`,
    );
    await world.database.query('UPDATE lanes SET parked = queued, queued = 0');
    expect(await world.queue.wakeForProvider(provider, 2)).toBe(0);
    await world.database.query(`UPDATE providers SET capabilities = '{arm64}'`);
    expect(await world.queue.wakeForProvider(provider, 2)).toBe(2);
    for (const id of fits) expect((await world.build(id)).parked).toBeNull();
    await world.database.query(`UPDATE providers SET capabilities = '{s390x}', is_global = false`);
    expect(await world.queue.wakeForProvider(provider, 2)).toBe(0);
  });

  it('wake once when many wake them at once', async () => {
    for (let n = 0; n < 12; n += 1) await world.submit(tenant);
    const { claimed } = await world.queue.claim({ dispatcherId: dispatcher, limit: 10 });
    for (const { executionId } of claimed) {
      const parking = { reason: 'BackOff' as const, message: 'later', wakeOn: 'provider:any' };
      await world.queue.park({ executionId, dispatcherId: dispatcher, parking });
    }
    const woken = await Promise.all(Array.from({ length: 8 }, () => world.queue.wake('provider:any')));
    expect(woken.reduce((sum, one) => sum + one, 0)).toBe(10);
    expect(await world.lane(tenant)).toEqual({ queued: 12, parked: 0, running: 0 });
  });

  it('are refused by the schema when they are in the order as well, or in neither, or nothing wakes them', async () => {
    const build = await world.submit(tenant);
    const change = (set: string) => world.database.query(`UPDATE builds SET ${set} WHERE id = $1`, [build]);
    const queued = { details: { constraint: 'builds_queued' } };
    await expect(change(`parked = 'BackOff', parked_wake_at = now()`)).rejects.toMatchObject(queued);
    await expect(change('queue_key = NULL')).rejects.toMatchObject(queued);
    await expect(change(`status = 'running', attempt = 1`)).rejects.toMatchObject(queued);
    await expect(change(`queue_key = NULL, parked = 'BackOff'`)).rejects.toMatchObject({
      details: { constraint: 'builds_parked_wakes' },
    });
  });

  it('run out of the queue’s time like others, and the time of a build with not_before starts there', async () => {
    const parked = await world.submit(tenant, { queueTimeoutMinutes: 1 });
    await park('provider:any');
    const waiting = await world.submit(tenant, { queueTimeoutMinutes: 1 });
    const patient = await world.submit(tenant, { queueTimeoutMinutes: 60 });
    const later = await world.submit(tenant, { queueTimeoutMinutes: 1, notBefore: new Date(Date.now() + 60_000) });
    expect(await world.queue.expireQueued(10, new Date())).toHaveLength(0);
    await world.database.query(`UPDATE builds SET queued_at = queued_at - interval '61 seconds'`);
    expect(await world.queue.expireQueued(10, new Date())).toHaveLength(2);
    for (const id of [parked, waiting])
      expect(await world.build(id)).toMatchObject({ status: 'failed', reason: 'QueueTimeout' });
    for (const id of [patient, later]) expect(await world.build(id)).toMatchObject({ status: 'queued' });
    expect(await world.lane(tenant)).toEqual({ queued: 1, parked: 1, running: 0 });
  });
});
