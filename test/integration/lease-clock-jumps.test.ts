import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  PostgresBuildQueue,
  PostgresDispatchAdmin,
  PostgresInvariants,
  PostgresLeases,
  PostgresOwnership,
} from '@image-factory/persistence';
import { QueueWorld } from './queue-world.js';
import { weakened } from './weakened-database.js';

const SHARDS = [0, 1, 2, 3];

/** Correctness rule 20, where a statement meets a clock that has jumped since the last heartbeat. */
describe('on a database whose clock is other than its judge knows', () => {
  let world: QueueWorld;
  let tenant: string;
  let provider: string;
  let one: string;
  let two: string;

  beforeEach(async () => {
    world = await QueueWorld.open();
    tenant = await world.tenant();
    provider = await world.provider();
    await world.leases.ensureShards(provider, '', SHARDS.length);
    one = await world.dispatcher();
    two = await world.dispatcher();
  });
  afterEach(() => world.close());

  const acquire = async (dispatcherId: string, judgedAt: Date | undefined, shards = SHARDS): Promise<number[]> => {
    const request = { dispatcherId, providerId: provider, host: '', shards, max: 8, judgedAt };
    return (await world.leases.acquire(request)).map(({ shard }) => shard).sort();
  };
  /** What a judge holds the time for when the database's clock has gone by so much. */
  const beforeJump = (seconds: number): Date => new Date(Date.now() - seconds * 1_000);

  it.each([25 * 3_600, 25, -25, -3_600])('by %i s, nobody who may live is taken for dead', async (jump) => {
    await world.submit(tenant);
    await world.claimOne(one);
    expect(await acquire(one, new Date(), [0, 1])).toEqual([0, 1]);
    await world.kill(one);
    expect(await acquire(two, beforeJump(jump))).toEqual([2, 3]);
    expect(await acquire(two, undefined)).toEqual([]);
    expect(await world.queue.releaseAbandoned(beforeJump(jump))).toBe(0);
    const ownership = new PostgresOwnership(world.database);
    expect(await ownership.liveDispatchers(beforeJump(jump))).toEqual([]);
    expect((await ownership.liveDispatchers(beforeJump(0))).map(({ id }) => id)).toEqual([two]);
    expect(await acquire(two, new Date())).toEqual([0, 1]);
    expect(await world.queue.releaseAbandoned(new Date())).toBe(1);
  });

  it.each([25 * 3_600, 25, -25, -3_600])('by %i s, no build’s time in the queue is over', async (jump) => {
    const build = await world.submit(tenant, { queueTimeoutMinutes: 10 });
    await world.database.query(`UPDATE builds SET queued_at = queued_at - interval '1 hour'`);
    expect(await world.queue.expireQueued(10, beforeJump(jump))).toHaveLength(0);
    expect(await world.build(build)).toMatchObject({ status: 'queued' });
    expect(await world.queue.expireQueued(10, new Date())).toHaveLength(1);
  });

  it.each([3_600, 25, -25, -3_600])('by %i s, no parked build’s time has come', async (jump) => {
    const build = await world.submit(tenant, { notBefore: new Date(Date.now() + 3_600_000) });
    await world.database.query(`UPDATE builds SET parked_wake_at = now() - interval '1 second'`);
    expect(await world.queue.wakeDue(10, beforeJump(jump))).toBe(0);
    expect(await world.build(build)).toMatchObject({ parked: 'NotBefore' });
    expect(await world.queue.wakeDue(10, new Date())).toBe(1);
  });

  it('everything is over at once for statements that ask no judge for the time', async () => {
    const build = await world.submit(tenant, { queueTimeoutMinutes: 10 });
    await acquire(one, new Date(), [0, 1]);
    // What a clock that is an hour ahead makes of a lease and of a wait that have just begun.
    await world.kill(one);
    await world.database.query(`UPDATE builds SET queued_at = queued_at - interval '1 hour'`);
    const unjudged = {
      of: 'clock_timestamp() BETWEEN',
      without: /\(SELECT clock_timestamp\(\) BETWEEN (\$\d)[^)]*\)/,
      instead: '($1::timestamptz IS NOT NULL)',
    };
    const database = weakened(world.database, unjudged);
    const request = { dispatcherId: two, providerId: provider, host: '', shards: SHARDS, max: 8 };
    const leases = new PostgresLeases(database);
    expect(await leases.acquire({ ...request, judgedAt: beforeJump(3_600) })).toHaveLength(4);
    expect(await new PostgresBuildQueue(database).expireQueued(10, beforeJump(3_600))).toHaveLength(1);
    expect(await world.build(build)).toMatchObject({ status: 'failed', reason: 'QueueTimeout' });
  });

  it('a dispatcher that was renewed in the future is dead, and what it had is taken and counted as stranded', async () => {
    await world.submit(tenant);
    const { executionId } = await world.claimOne(one);
    await acquire(one, undefined);
    await world.database.query(`UPDATE build_executions SET claimed_at = now() - interval '2 minutes'`);
    const invariants = new PostgresInvariants(world.database);
    expect((await invariants.read()).stranded.count).toBe(0);
    await world.database.query(
      `UPDATE dispatchers SET heartbeat_at = now() + interval '1 hour', lease_until = now() + interval '61 minutes'
        WHERE id = $1`,
      [one],
    );
    expect(await invariants.read()).toMatchObject({
      stranded: { count: 1, examples: [expect.stringContaining(executionId)] },
    });
    const beat = { leaseMs: 60_000, slotsUsed: 0, metrics: {}, unreachableProviders: [] };
    expect((await world.leases.heartbeat({ id: two, ...beat })).liveDispatchers.map(({ id }) => id)).toEqual([two]);
    const live = await new PostgresOwnership(world.database).liveDispatchers();
    expect(live.map(({ id }) => id)).toEqual([two]);
    expect((await world.leases.listShards()).filter(({ ownerAlive }) => ownerAlive)).toEqual([]);
    const shown = await new PostgresDispatchAdmin(world.database).dispatchers();
    expect(shown.find(({ id }) => id === one)).toMatchObject({ state: 'lost' });
    expect(await acquire(one, new Date())).toEqual([]);
    expect(await acquire(two, new Date())).toEqual(SHARDS);
    expect(await world.queue.releaseAbandoned(new Date())).toBe(1);
  });
});
