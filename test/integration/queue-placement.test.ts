import { randomUUID } from 'node:crypto';
import { PostgresBuildQueue, type Database, type PlacementResult } from '@image-factory/persistence';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { QueueWorld } from './queue-world.js';
import { weakened } from './weakened-database.js';

/** What placements do without the lock of the provider's row. */
const UNLOCKED = { of: 'lock_places', without: 'FOR NO KEY UPDATE' };

describe('placing a claimed build', () => {
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

  it('stores provider, place and document, and counts the execution on the provider', async () => {
    const provider = await world.provider({ limit: 1 });
    const build = await world.submit(tenant);
    const claimed = await world.claimOne(dispatcher);
    expect(await world.queue.place(world.commit(claimed, dispatcher, provider))).toEqual({ kind: 'placed' });
    expect(await world.execution(claimed.executionId)).toMatchObject({ state: 'creating', provider_id: provider });
    expect(await world.one('SELECT running FROM providers WHERE id = $1', [provider])).toEqual({ running: 1 });
    expect(await world.timeline(build)).toEqual([
      'build →queued',
      'build queued→running',
      'execution →placing',
      'execution placing→creating',
    ]);
    expect(await world.queue.place(world.commit(claimed, dispatcher, provider))).toEqual({ kind: 'placed' });
    expect(await world.one('SELECT running FROM providers WHERE id = $1', [provider])).toEqual({ running: 1 });
  });

  /**
   * Eight placements on a provider with room for three, each in a transaction of its own; all of them wait for its row
   * before the first one has it.
   */
  async function placeEight(databaseOf: (database: Database) => Database): Promise<PlacementResult[]> {
    for (let n = 0; n < 8; n += 1) await world.submit(tenant);
    const { claimed } = await world.queue.claim({ dispatcherId: dispatcher, limit: 8 });
    const provider = await world.provider({ limit: 3 });
    const databases = await Promise.all(claimed.map(() => world.connectAgain(1)));
    const queues = databases.map((database) => new PostgresBuildQueue(databaseOf(database)));
    let placing: Promise<PlacementResult>[] = [];
    await world.database.transaction(async (tx) => {
      await tx.query('SELECT FROM providers WHERE id = $1 FOR NO KEY UPDATE', [provider]);
      placing = claimed.flatMap((one, index) => queues[index]?.place(world.commit(one, dispatcher, provider)) ?? []);
      await world.inLine(8);
    });
    return Promise.all(placing);
  }

  it('never exceeds a provider’s limit, with eight placements at once', async () => {
    const results = await placeEight((database) => database);
    expect(results.filter((result) => result.kind === 'placed')).toHaveLength(3);
    const refused = results.filter((result) => result.kind === 'provider-refused');
    expect(refused.map((result) => result.reason)).toEqual(Array(5).fill('ProviderAtLimit'));
  });

  it('exceeds it without the provider’s lock', async () => {
    const results = await placeEight((database) => weakened(database, UNLOCKED));
    expect(results).toEqual(Array(8).fill({ kind: 'placed' }));
  });

  it.each([
    ['ProviderCordoned', `state = 'cordoned'`],
    ['ProviderDraining', `state = 'draining'`],
    ['ProviderDisabled', `state = 'disabled'`],
    ['ProviderUnhealthy', `health = 'unhealthy'`],
    ['ProviderUnhealthy', `health = 'healthy', watch_fresh = false`],
    ['SweepBehind', 'sweep_behind = true, unswept = 2000'],
    ['ProviderChanged', 'generation = 2'],
    ['ProviderNotGranted', 'is_global = false'],
  ])('is refused with %s when the provider changed since the decision', async (reason, change) => {
    const provider = await world.provider();
    await world.submit(tenant);
    const claimed = await world.claimOne(dispatcher);
    await world.database.query(`UPDATE providers SET ${change} WHERE id = $1`, [provider]);
    const result = await world.queue.place(world.commit(claimed, dispatcher, provider));
    expect(result).toMatchObject({ kind: 'provider-refused', reason });
    expect(await world.execution(claimed.executionId)).toMatchObject({ state: 'placing' });
  });

  it('is refused when the provider is gone', async () => {
    await world.submit(tenant);
    const claimed = await world.claimOne(dispatcher);
    const result = await world.queue.place(world.commit(claimed, dispatcher, randomUUID()));
    expect(result).toMatchObject({ kind: 'provider-refused', reason: 'ProviderNotFound' });
  });

  /** A placement that waits for the provider's row while a cordon of it is committed. */
  async function placeBehindCordon(queue: PostgresBuildQueue): Promise<PlacementResult> {
    const provider = await world.provider();
    await world.submit(tenant);
    const claimed = await world.claimOne(dispatcher);
    const { placing } = await world.database.transaction(async (tx) => {
      await tx.query(`UPDATE providers SET state = 'cordoned' WHERE id = $1`, [provider]);
      const placing = queue.place(world.commit(claimed, dispatcher, provider));
      await world.inLine(1);
      return { placing };
    });
    return placing;
  }

  it('sees a cordon that commits while it waits for the provider’s lock', async () => {
    expect(await placeBehindCordon(world.queue)).toMatchObject({
      kind: 'provider-refused',
      reason: 'ProviderCordoned',
    });
  });

  it('overlooks that cordon without the lock', async () => {
    const queue = new PostgresBuildQueue(weakened(world.database, UNLOCKED));
    expect(await placeBehindCordon(queue)).toEqual({ kind: 'placed' });
  });

  /** A placement on another primary than that on which its build was claimed. */
  async function placeAfterFailover(queue: PostgresBuildQueue): Promise<PlacementResult> {
    const provider = await world.provider();
    await world.submit(tenant);
    const claimed = await world.claimOne(dispatcher);
    await world.database.query(`UPDATE installation SET database_identity = 'other/00000001'`);
    return queue.place(world.commit(claimed, dispatcher, provider));
  }

  it('is refused by a database that has failed over since the claim', async () => {
    expect(await placeAfterFailover(world.queue)).toEqual({ kind: 'database-doubted' });
  });

  it('may be a second one there when no statement asks which database it is', async () => {
    const trusting = {
      of: 'lock_places',
      without: 'database_identity IS NULL OR database_identity = database_identity()',
      instead: 'true',
    };
    const queue = new PostgresBuildQueue(weakened(world.database, trusting));
    expect(await placeAfterFailover(queue)).toEqual({ kind: 'placed' });
  });

  it('of a build cancelled meanwhile ends it without touching a cluster', async () => {
    const provider = await world.provider();
    const build = await world.submit(tenant);
    const claimed = await world.claimOne(dispatcher);
    const cancel = { buildId: build, tenantId: tenant, actor: 'user:a', reason: 'wrong branch' };
    expect(await world.queue.requestCancel(cancel)).toEqual({ kind: 'cancelling', status: 'cancelling' });
    expect(await world.queue.place(world.commit(claimed, dispatcher, provider))).toEqual({ kind: 'claim-lost' });
    expect(await world.build(build)).toMatchObject({
      status: 'cancelled',
      reason: 'UserCancel',
      message: 'wrong branch',
    });
    expect(await world.execution(claimed.executionId)).toMatchObject({ state: 'released', slot_held: false });
    expect(await world.lane(tenant)).toEqual({ queued: 0, parked: 0, running: 0 });
  });

  it('is refused to another owner and to another claim of the same build', async () => {
    const provider = await world.provider();
    await world.submit(tenant);
    const claimed = await world.claimOne(dispatcher);
    const commit = world.commit(claimed, dispatcher, provider);
    expect(await world.queue.place({ ...commit, dispatcherId: randomUUID() })).toEqual({ kind: 'claim-lost' });
    expect(await world.queue.place({ ...commit, claimToken: randomUUID() })).toEqual({ kind: 'claim-lost' });
  });

  it('a release keeps the attempt number and the old place in the order', async () => {
    const first = await world.submit(tenant);
    const before = await world.build(first);
    await world.submit(tenant);
    const claimed = await world.claimOne(dispatcher);
    expect(claimed).toMatchObject({ buildId: first, attempt: 1, bounces: 0 });
    const { executionId } = claimed;
    const release = { executionId, dispatcherId: dispatcher, reason: 'ClusterUnavailable' as const, message: 'busy' };
    expect(await world.queue.release(release)).toBe(true);
    expect(await world.queue.release(release)).toBe(true);
    expect(await world.build(first)).toMatchObject({ status: 'queued', attempt: 0, queue_key: before.queue_key });
    expect(await world.claimOne(dispatcher)).toMatchObject({ buildId: first, attempt: 1, bounces: 1 });
  });

  it('a build that is itself wrong fails without an attempt on a cluster', async () => {
    const build = await world.submit(tenant);
    const { executionId } = await world.claimOne(dispatcher);
    const failure = {
      executionId,
      dispatcherId: dispatcher,
      reason: 'BuildConfigInvalid' as const,
      message: 'no \u0000 here',
    };
    expect(await world.queue.failPlacing(failure)).toBe(true);
    expect(await world.build(build)).toMatchObject({
      status: 'failed',
      reason: 'BuildConfigInvalid',
      message: 'no \ufffd here',
    });
    expect(await world.lane(tenant)).toEqual({ queued: 0, parked: 0, running: 0 });
  });

  it('what a dead dispatcher had claimed goes back, what a living one has stays', async () => {
    const builds = [await world.submit(tenant), await world.submit(tenant), await world.submit(tenant)];
    await world.claimOne(dispatcher);
    const other = await world.dispatcher();
    await world.claimOne(other);
    await world.claimOne(other);
    await world.queue.requestCancel({ buildId: builds[2] ?? '', tenantId: tenant, actor: 'user:a', reason: undefined });
    expect(await world.queue.releaseAbandoned(new Date())).toBe(0);
    await world.kill(other);
    expect(await world.queue.releaseAbandoned(new Date())).toBe(2);
    const statuses = await Promise.all(builds.map(async (id) => (await world.build(id)).status));
    expect(statuses).toEqual(['running', 'queued', 'cancelled']);
    expect(await world.lane(tenant)).toEqual({ queued: 1, parked: 0, running: 1 });
  });
});
