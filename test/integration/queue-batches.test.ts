import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClaimedExecution } from '@image-factory/persistence';
import { QueueWorld } from './queue-world.js';

describe('what is asked at once', () => {
  let world: QueueWorld;
  let dispatcherId: string;

  beforeAll(async () => {
    world = await QueueWorld.open();
    dispatcherId = await world.dispatcher();
  });
  afterAll(() => world.close());

  const claim = async (tenantId: string, count: number): Promise<ClaimedExecution[]> => {
    await world.submitMany(tenantId, count);
    const { claimed } = await world.queue.claim({ dispatcherId, limit: count });
    expect(claimed).toHaveLength(count);
    return [...claimed];
  };
  const transactionsOf = async (claimed: readonly ClaimedExecution[]): Promise<number> => {
    const sql = 'SELECT count(DISTINCT xmin::text)::int AS n FROM build_executions WHERE id = ANY ($1::uuid[])';
    return (await world.one<{ n: number }>(sql, [claimed.map((one) => one.executionId)])).n;
  };

  it('about executions is one transaction, and each has its own answer', async () => {
    const tenantId = await world.tenant(20);
    const providerId = await world.provider();
    const claimed = await claim(tenantId, 10);
    await Promise.all(claimed.map((one) => world.queue.place(world.commit(one, dispatcherId, providerId))));
    const fence = await world.fence(dispatcherId, providerId);
    const [first, second, third, ...others] = claimed;
    if (first === undefined || second === undefined || third === undefined) throw new Error('too few');
    await world.executions.markStarting(fence, second.executionId, { uid: 'another' });
    const answers = await Promise.all([
      world.executions.markStarting({ ...fence, token: randomUUID() }, first.executionId, { uid: 'u' }),
      world.executions.markStarting(fence, second.executionId, { uid: 'u' }),
      world.executions.markStarting({ ...fence, shard: 1 }, third.executionId, { uid: 'u' }),
      ...others.map((one) => world.executions.markStarting(fence, one.executionId, { uid: 'u' })),
    ]);
    expect(answers).toEqual(['lease-lost', 'state-moved', 'lease-lost', ...others.map(() => 'done')]);
    expect((await world.execution(first.executionId)).state).toBe('creating');
    expect((await world.execution(third.executionId)).state).toBe('creating');
    expect(await transactionsOf(others)).toBe(1);
  });

  it('about one execution is written in the order in which it was asked', async () => {
    const tenantId = await world.tenant(20);
    const { claimed, fence } = await placeOne(tenantId);
    const at = new Date();
    const answers = await Promise.all([
      world.executions.markStarting(fence, claimed.executionId, { uid: 'u' }),
      world.executions.markRunning(fence, claimed.executionId, { firstStepStartedAt: at }),
      world.executions.markPodsOver(fence, claimed.executionId),
    ]);
    expect(answers).toEqual(['done', 'done', 'done']);
    expect(await world.timeline(claimed.buildId)).toContain('execution starting→running');
    expect(await world.lane(tenantId)).toEqual({ queued: 0, parked: 0, running: 0 });
  });

  it('of a provider never exceeds its limit, in one transaction as in many', async () => {
    const tenantId = await world.tenant(20);
    const providerId = await world.provider({ limit: 3 });
    const claimed = await claim(tenantId, 5);
    const answers = await Promise.all(
      claimed.map((one) => world.queue.place(world.commit(one, dispatcherId, providerId))),
    );
    expect(answers.map(({ kind }) => kind).sort()).toEqual([
      'placed',
      'placed',
      'placed',
      'provider-refused',
      'provider-refused',
    ]);
    const placed = claimed.filter((_one, index) => answers[index]?.kind === 'placed');
    expect(await transactionsOf(placed)).toBe(1);
    expect(await world.one('SELECT running FROM providers WHERE id = $1', [providerId])).toEqual({ running: 3 });
  });

  it('and cannot be written fails its caller only', async () => {
    const tenantId = await world.tenant(20);
    const providerId = await world.provider();
    const claimed = await claim(tenantId, 4);
    const answers = await Promise.allSettled(
      claimed.map((one, index) => {
        const commit = world.commit(one, dispatcherId, providerId);
        return world.queue.place(index === 1 ? { ...commit, shard: 2 ** 40 } : commit);
      }),
    );
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(await world.one('SELECT running FROM providers WHERE id = $1', [providerId])).toEqual({ running: 3 });
  });

  it('to be taken back goes each its own way, and what is another’s stays', async () => {
    const [mine, yours] = [await world.tenant(20), await world.tenant(20)];
    const [one, two, three] = await claim(mine, 3);
    const [four, five] = await claim(yours, 2);
    if (!one || !two || !three || !four || !five) throw new Error('too few');
    const request = { dispatcherId, reason: 'BuildConfigInvalid' as const, message: 'because' };
    const parking = { reason: 'NoEligibleProvider' as const, message: 'none', wakeOn: 'provider:any' };
    const answers = await Promise.all([
      world.queue.release({ ...request, executionId: one.executionId }),
      world.queue.failPlacing({ ...request, executionId: two.executionId }),
      world.queue.park({ executionId: three.executionId, dispatcherId, parking }),
      world.queue.park({ executionId: four.executionId, dispatcherId, parking }),
      world.queue.failPlacing({ ...request, dispatcherId: randomUUID(), executionId: five.executionId }),
    ]);
    expect(answers).toEqual([true, true, true, true, false]);
    expect(await transactionsOf([one, two, three, four])).toBe(1);
    expect(await world.lane(mine)).toEqual({ queued: 1, parked: 1, running: 0 });
    expect(await world.lane(yours)).toEqual({ queued: 0, parked: 1, running: 1 });
    expect(await world.build(two.buildId)).toMatchObject({ status: 'failed', message: 'because' });
    expect((await world.execution(five.executionId)).state).toBe('placing');
    expect((await world.queue.reconcileCounters()).drift).toEqual([]);
  });

  async function placeOne(tenantId: string) {
    await world.submitMany(tenantId, 1);
    return world.placed(dispatcherId, await world.provider());
  }
});
