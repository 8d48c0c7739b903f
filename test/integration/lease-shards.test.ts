import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PostgresDatabaseTrust, PostgresExecutions } from '@image-factory/persistence';
import { eventually } from '@image-factory/test-support';
import { QueueWorld } from './queue-world.js';
import { weakened } from './weakened-database.js';

const BEAT = { leaseMs: 60_000, slotsUsed: 1, metrics: { claims: 1 }, unreachableProviders: [] };

describe('leases', () => {
  let world: QueueWorld;
  let provider: string;

  beforeEach(async () => {
    world = await QueueWorld.open();
    provider = await world.provider();
    await world.leases.ensureShards(provider, '', 8);
  });
  afterEach(async () => {
    await world.close();
  });

  const acquire = (dispatcherId: string, max = 8, shards = [0, 1, 2, 3, 4, 5, 6, 7]) =>
    world.leases.acquire({ dispatcherId, providerId: provider, host: '', shards, max, judgedAt: new Date() });

  it('a heartbeat renews, tells the database’s time and who is alive', async () => {
    const [one, two, dead] = [await world.dispatcher(), await world.dispatcher(), await world.dispatcher()];
    await world.kill(dead);
    const beat = await world.leases.heartbeat({ id: one, ...BEAT });
    expect(beat).toMatchObject({ alive: true, paused: false });
    expect(beat.leaseUntil.getTime() - beat.databaseNow.getTime()).toBeGreaterThan(59_000);
    expect(beat.liveDispatchers.map((live) => live.id).sort()).toEqual([one, two].sort());
    expect(beat.liveDispatchers[0]).toEqual({ id: beat.liveDispatchers[0]?.id, host: 'host' });
  });

  it('a lapsed lease is never renewed', async () => {
    const id = await world.dispatcher();
    await world.kill(id);
    expect((await world.leases.heartbeat({ id, ...BEAT })).alive).toBe(false);
    expect(await acquire(id)).toEqual([]);
    expect((await world.leases.heartbeat({ id: randomUUID(), ...BEAT })).alive).toBe(false);
  });

  it('one that is stopping keeps its shards and gets no new ones', async () => {
    const [one, two] = [await world.dispatcher(), await world.dispatcher()];
    await acquire(one, 4);
    const beat = await world.leases.heartbeat({ id: one, ...BEAT, stopping: true });
    expect(beat.alive).toBe(true);
    expect(beat.liveDispatchers.map((live) => live.id)).toEqual([two]);
    expect(await acquire(one)).toEqual([]);
    expect(await acquire(two)).toHaveLength(4);
  });

  it('shards are shared without overlap by those who take them at once', async () => {
    const dispatchers = await Promise.all(Array.from({ length: 6 }, () => world.dispatcher()));
    const taken = (await Promise.all(dispatchers.map((id) => acquire(id, 3)))).flat();
    const more = (await Promise.all(dispatchers.map((id) => acquire(id, 8)))).flat();
    const shards = [...taken, ...more].map((lease) => lease.shard).sort();
    expect(shards).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(new Set([...taken, ...more].map((lease) => lease.token)).size).toBe(8);
  });

  it('an adopter takes at most what it asked for, from the dead only', async () => {
    const [dead, living, adopter] = [await world.dispatcher(), await world.dispatcher(), await world.dispatcher()];
    await acquire(dead, 8, [0, 1, 2, 3, 4, 5]);
    await acquire(living, 8, [6, 7]);
    expect(await acquire(adopter)).toEqual([]);
    await world.kill(dead);
    expect((await acquire(adopter, 2)).map((lease) => lease.shard)).toEqual([0, 1]);
    expect((await acquire(adopter)).map((lease) => lease.shard)).toEqual([2, 3, 4, 5]);
    const views = await world.leases.listShards();
    expect(views.filter((view) => view.owner === adopter && view.ownerAlive)).toHaveLength(6);
  });

  it('releasing and stopping free shards; a lease that another took is left alone', async () => {
    const [one, two] = [await world.dispatcher(), await world.dispatcher()];
    const leases = await acquire(one, 2);
    await world.leases.release({ leases: leases.slice(0, 1) });
    expect((await world.leases.findHeld(one)).map((lease) => lease.shard)).toEqual([1]);
    const taken = await acquire(two, 1, [0]);
    await world.leases.release({ leases });
    expect(await world.leases.findHeld(two)).toEqual(taken);
    await world.leases.deregister(two);
    expect(await world.leases.findHeld(two)).toEqual([]);
  });

  it('of dispatchers that are long gone are deleted, unless a shard or a claim names them or the time is doubtful', async () => {
    const gone = async (ago: string, id: string): Promise<string> => {
      await world.database.query(`UPDATE dispatchers SET lease_until = now() - $2::interval WHERE id = $1`, [id, ago]);
      return id;
    };
    const living = await world.dispatcher();
    const late = await gone('59 minutes', await world.dispatcher());
    const [holder, claimer] = [await world.dispatcher(), await world.dispatcher()];
    await acquire(holder, 1);
    await world.submit(await world.tenant());
    const claimed = await world.claimOne(claimer);
    await gone('61 minutes', holder);
    await gone('61 minutes', claimer);
    const old = await gone('61 minutes', await world.dispatcher());
    const stopped = await world.dispatcher();
    await world.leases.deregister(stopped);
    await gone('61 minutes', stopped);
    const left = async () =>
      (await world.database.query<{ id: string }>('SELECT id FROM dispatchers')).map(({ id }) => id).sort();
    expect(await world.leases.forgetGone(new Date(Date.now() - 7_200_000))).toBe(0);
    expect(await left()).toContain(old);
    expect(await world.leases.forgetGone(new Date())).toBe(2);
    expect(await left()).toEqual([living, late, holder, claimer].sort());
    await acquire(living);
    await world.queue.releaseAbandoned(new Date());
    expect((await world.execution(claimed.executionId)).state).toBe('released');
    expect(await world.leases.forgetGone(new Date())).toBe(2);
    expect(await left()).toEqual([living, late].sort());
  });

  it('of a database are compared by their owners before it is trusted again', async () => {
    const trust = new PostgresDatabaseTrust(world.database);
    const { identity, isTrusted } = await trust.look();
    expect(isTrusted).toBe(true);
    await world.database.query(`UPDATE installation SET database_identity = 'other/00000001'`);
    expect((await trust.look()).isTrusted).toBe(false);
    const [one, two] = [await world.dispatcher(), await world.dispatcher()];
    const leases = await acquire(one, 7);
    await trust.markCompared(identity, leases);
    expect(await trust.trustCompared(identity, [])).toBe(false);
    const [last] = await acquire(two, 1, [7]);
    if (last === undefined) throw new Error('not acquired');
    await trust.markCompared(identity, [{ ...last, token: randomUUID() }]);
    expect(await trust.trustCompared(identity, [])).toBe(false);
    const disabled = await world.provider({ state: 'disabled' });
    await world.leases.ensureShards(disabled, '', 4);
    await world.leases.ensureShards(provider, 'a-host-without-a-dispatcher', 1);
    await trust.markCompared(identity, [last]);
    expect(await trust.trustCompared(identity, [])).toBe(true);
    expect((await trust.look()).isTrusted).toBe(true);
  });

  it('of lost providers, and of disabled ones with something left on them, hold no trust back', async () => {
    const trust = new PostgresDatabaseTrust(world.database);
    const { identity } = await trust.look();
    const disabled = await world.provider();
    await world.submitNew(await world.tenant());
    await world.placed(await world.dispatcher(), disabled);
    await world.database.query(`UPDATE providers SET state = 'disabled' WHERE id = $1`, [disabled]);
    const lost = await world.provider();
    await world.leases.ensureShards(lost, '', 2);
    await world.database.query(`UPDATE installation SET database_identity = 'other/00000001'`);
    await trust.markCompared(identity, await acquire(await world.dispatcher()));
    expect(await trust.trustCompared(identity, [])).toBe(false);
    expect(await trust.trustCompared(identity, [provider])).toBe(false);
    expect(await trust.trustCompared(identity, [lost])).toBe(true);
  });

  it('given up wait for the writes that are under way behind them, and hold no later shard meanwhile', async () => {
    const one = await world.dispatcher();
    const leases = await acquire(one, 8);
    for (const giveUp of [
      () => world.leases.release({ leases: [...leases].reverse() }),
      () => world.leases.deregister(one),
    ]) {
      // So they lie in the table in the opposite order of their keys.
      for (const { shard } of [...leases].reverse())
        await world.database.query('UPDATE cluster_shards SET acquired_count = 1 WHERE shard = $1', [shard]);
      let given = false;
      let giving: Promise<unknown> | undefined;
      await world.database.transaction(async (tx) => {
        await tx.query('SELECT 1 FROM cluster_shards WHERE shard = 0 FOR SHARE');
        giving = giveUp().then(() => (given = true));
        const blocked = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
        await eventually('it waits', async () => (await world.database.query(blocked)).length > 0 || undefined);
        await tx.query('SELECT 1 FROM cluster_shards WHERE shard = 7 FOR SHARE NOWAIT');
        expect(given).toBe(false);
      });
      await giving;
      expect(await world.leases.findHeld(one)).toEqual([]);
      await world.database.query(
        'UPDATE cluster_shards SET owner = $1, token = gen_random_uuid() WHERE provider_id = $2',
        [one, provider],
      );
    }
  });

  it('an expired owner’s writes match nothing once its shard is adopted, and the adopter goes on', async () => {
    const tenant = await world.tenant();
    const [old, next] = [await world.dispatcher(), await world.dispatcher()];
    await world.submit(tenant);
    const { claimed, fence } = await world.placed(old, provider);
    const { executionId } = claimed;
    await world.kill(old);
    expect(await world.executions.markCreateUnknown(fence, executionId)).toBe('done');
    const [adopted] = await acquire(next, 1, [0]);
    if (adopted === undefined) throw new Error('the shard was not adopted');
    const before = await world.execution(executionId);
    const results = [
      await world.executions.markStarting(fence, executionId, { uid: 'old' }),
      await world.executions.markRunning(fence, executionId, { firstStepStartedAt: new Date() }),
      await world.executions.setWaiting(fence, executionId, { reason: 'PullingImage', message: '' }),
      await world.executions.setStopIntent(fence, executionId, 'Drain'),
      await world.executions.markPodsOver(fence, executionId),
      await world.executions.markSealed(fence, executionId, {}),
      await world.executions.markLoss(fence, executionId, true),
      await world.executions.markSwept(fence, executionId),
      await world.executions.markCredentialsRemoved(fence, executionId),
      await world.executions.finish(fence, executionId, {
        state: 'lost',
        reason: 'ClusterLost',
        message: '',
        retry: true,
      }),
    ];
    expect(new Set(results)).toEqual(new Set(['lease-lost']));
    expect(await world.execution(executionId)).toEqual(before);
    expect(await world.executions.findOne(old, executionId)).toBeUndefined();
    expect(await world.executions.findOne(next, executionId)).toMatchObject({ executionId, fence: adopted });
    expect(await world.executions.markStarting(adopted, executionId, { uid: 'new' })).toBe('done');
    expect(await world.executions.markStarting(adopted, executionId, { uid: 'new' })).toBe('done');
    expect(await world.executions.markStarting(adopted, executionId, { uid: 'other' })).toBe('state-moved');
  });

  it('an expired owner’s writes are taken for the adopter’s when their token is not compared', async () => {
    const [old, next] = [await world.dispatcher(), await world.dispatcher()];
    await world.submit(await world.tenant());
    const { claimed, fence } = await world.placed(old, provider);
    await world.kill(old);
    expect(await acquire(next, 1, [0])).toHaveLength(1);
    const executions = new PostgresExecutions(
      weakened(
        world.database,
        { of: 'lock_shards', without: ' AND s.token = f.token' },
        { of: 'lock_shards', without: 's.token', instead: 'f.token' },
      ),
    );
    const { executionId } = claimed;
    expect(await executions.markStarting(fence, executionId, { uid: 'old' })).toBe('done');
    expect(await world.execution(executionId)).toMatchObject({ state: 'starting' });
  });

  it('an adoption passes over a shard with a fenced write under way and takes it at the next look', async () => {
    const next = await world.dispatcher();
    await world.database.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM cluster_shards WHERE provider_id = $1 AND shard = 1 FOR SHARE', [provider]);
      expect((await acquire(next, 8, [1, 2])).map((lease) => lease.shard)).toEqual([2]);
    });
    expect((await acquire(next, 8, [1])).map((lease) => lease.shard)).toEqual([1]);
  });
});
