import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHANNELS, Database, Notifier, type ClaimedExecution, type ShardLease } from '@image-factory/persistence';
import { eventually } from '@image-factory/test-support';
import { fixedOutcome } from './fixed-outcome.js';
import { QueueWorld } from './queue-world.js';

/** A small generator with a seed, so that a failing storm can be run again. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

describe('a storm of submissions, claims, placements, parks, cancels, ends and deaths', () => {
  let world: QueueWorld;

  beforeAll(async () => {
    world = await QueueWorld.open(20);
  });
  afterAll(async () => {
    await world.close();
  });

  async function endAttempt(random: () => number, claimed: ClaimedExecution, fence: ShardLease): Promise<void> {
    const { executions } = world;
    const id = claimed.executionId;
    if (random() < 0.2) {
      await executions.finish(fence, id, { state: 'lost', reason: 'ClusterLost', message: '', retry: random() < 0.5 });
      return;
    }
    const failed = random() < 0.3;
    await executions.markStarting(fence, id, { uid: id });
    await executions.markRunning(fence, id, { firstStepStartedAt: new Date() });
    const evicted = { outcome: 'failed', reason: 'PodEvicted', fault: 'cluster', imageDigest: undefined } as const;
    await executions.fixOutcome(fence, id, fixedOutcome(failed ? evicted : {}));
    await Promise.all([executions.markPodsOver(fence, id), executions.markPodsOver(fence, id)]);
    await executions.markSealed(fence, id, {});
    const state = failed ? 'failed' : 'succeeded';
    await executions.finish(fence, id, {
      state,
      reason: failed ? 'PodEvicted' : 'Succeeded',
      message: '',
      retry: failed,
    });
  }

  async function dispatch(
    random: () => number,
    dispatcherId: string,
    provider: string,
    fence: ShardLease,
  ): Promise<void> {
    const { queue } = world;
    const { claimed } = await queue.claim({ dispatcherId, limit: 3 });
    await Promise.all(
      claimed.map(async (one) => {
        const request = { executionId: one.executionId, dispatcherId };
        const dice = random();
        if (dice < 0.1) return;
        if (dice < 0.2) return queue.release({ ...request, reason: 'ClusterUnavailable', message: '' });
        const parking = { reason: 'NoEligibleProvider' as const, message: '', wakeOn: `provider:${provider}` };
        if (dice < 0.35) return queue.park({ ...request, parking });
        const placed = await queue.place(world.commit(one, dispatcherId, provider));
        if (placed.kind === 'provider-refused') return queue.park({ ...request, parking });
        if (placed.kind === 'placed') return endAttempt(random, one, fence);
      }),
    );
  }

  it('leaves every counter right, no limit exceeded, and one end per build', async () => {
    const random = randomOf(20_261_121);
    const tenants = await Promise.all([2, 3, 8].map((limit) => world.tenant(limit)));
    const provider = await world.provider({ limit: 5 });
    const owner = await world.dispatcher();
    const fence = await world.fence(owner, provider);
    const builds: string[] = [];
    let over = 0;
    const watch = async (): Promise<void> => {
      const lanes = await world.database.query('SELECT 1 FROM lanes WHERE running > max_running');
      const providers = await world.database.query('SELECT 1 FROM providers WHERE running > max_concurrent_builds');
      over += lanes.length + providers.length;
    };
    for (let round = 0; round < 25; round += 1) {
      const dispatchers = await Promise.all(Array.from({ length: 4 }, () => world.dispatcher()));
      await Promise.all([
        ...tenants.map(async (tenant) =>
          builds.push(await world.submit(tenant, { priority: Math.floor(random() * 3) })),
        ),
        ...dispatchers.map((id) => dispatch(random, id, provider, fence)),
        ...builds
          .filter(() => random() < 0.03)
          .map(async (buildId) => {
            const { tenant_id: tenantId } = await world.one<{ tenant_id: string }>(
              'SELECT tenant_id FROM builds WHERE id = $1',
              [buildId],
            );
            await world.queue.requestCancel({ buildId, tenantId, actor: 'user:a', reason: 'storm' });
          }),
        world.queue.wake(`provider:${provider}`, 3),
        watch(),
      ]);
      for (const id of dispatchers) await world.kill(id);
      await world.queue.releaseAbandoned(new Date());
    }
    expect(over).toBe(0);
    expect(await world.queue.reconcileCounters()).toEqual({ drift: [], projects: [], providers: [] });
    const twice = await world.database.query(
      `SELECT build_id FROM build_events WHERE subject = 'build' AND to_state IN ('completed', 'failed', 'cancelled')
        GROUP BY build_id HAVING count(*) > 1`,
    );
    expect(twice).toEqual([]);
    const broken = await world.database.query(
      `SELECT b.id FROM builds b LEFT JOIN build_executions e
           ON e.build_id = b.id AND e.state IN ('placing', 'creating', 'starting', 'running', 'sealing', 'promoting')
        WHERE (b.status IN ('running', 'cancelling')) <> (e.id IS NOT NULL)`,
    );
    expect(broken).toEqual([]);
  });
});

describe('the reconciler', () => {
  it('names and corrects a counter that is wrong', async () => {
    const world = await QueueWorld.open(3);
    const tenant = await world.tenant();
    const provider = await world.provider();
    await world.submit(tenant);
    await world.database.query('UPDATE lanes SET queued = 7, running = 2, running_cpu = 5 WHERE tenant_id = $1', [
      tenant,
    ]);
    const project = await world.project(tenant, 3);
    await world.database.query('UPDATE project_lanes SET running = 2 WHERE project_id = $1', [project]);
    await world.database.query('UPDATE providers SET running = 4 WHERE id = $1', [provider]);
    expect(await world.queue.reconcileCounters()).toEqual({
      drift: [
        { tenantId: tenant, counter: 'queued', stored: 7, actual: 1 },
        { tenantId: tenant, counter: 'running', stored: 2, actual: 0 },
        { tenantId: tenant, counter: 'runningCpu', stored: 5, actual: 0 },
      ],
      projects: [{ projectId: project, counter: 'running', stored: 2, actual: 0 }],
      providers: [{ providerId: provider, stored: 4, actual: 0 }],
    });
    expect(await world.queue.reconcileCounters()).toEqual({ drift: [], projects: [], providers: [] });
    await world.close();
  });

  it('names and corrects a limit that is not its owner’s', async () => {
    const world = await QueueWorld.open(3);
    const tenant = await world.tenant(5, 3);
    const project = await world.project(tenant, 4);
    await world.database.query('UPDATE lanes SET max_running = 100, guaranteed = 2, weight = 1');
    await world.database.query('UPDATE project_lanes SET max_running = 1');
    expect(await world.queue.reconcileCounters()).toEqual({
      drift: [
        { tenantId: tenant, counter: 'maxRunning', stored: 100, actual: 5 },
        { tenantId: tenant, counter: 'guaranteed', stored: 2, actual: 0 },
        { tenantId: tenant, counter: 'weight', stored: 1, actual: 3 },
      ],
      projects: [{ projectId: project, counter: 'maxRunning', stored: 1, actual: 4 }],
      providers: [],
    });
    expect(await world.queue.reconcileCounters()).toEqual({ drift: [], projects: [], providers: [] });
    await world.close();
  });
});

describe('the database connection', () => {
  let world: QueueWorld;

  beforeAll(async () => {
    world = await QueueWorld.open(4);
  });
  afterAll(async () => {
    await world.close();
  });

  const endConnections = (pattern: string) =>
    world.database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE $1 AND pid <> pg_backend_pid()`,
      [pattern],
    );

  it('lives through the end of its idle connections', async () => {
    const other = Database.create({ url: world.url, poolSize: 3, applicationName: 'victim' });
    await other.connect();
    await Promise.all([other.query('SELECT pg_sleep(0.05)'), other.query('SELECT pg_sleep(0.05)')]);
    await endConnections('victim');
    await eventually('it answers again', () => other.isReachable());
    await other.close();
  });

  it('fails a transaction whose connection ends, as unavailable, and goes on', async () => {
    const other = Database.create({ url: world.url, poolSize: 2, applicationName: 'cut' });
    await other.connect();
    const cut = other.transaction(async (tx) => {
      await tx.query('SELECT 1');
      await endConnections('cut');
      await tx.query('SELECT 1');
    });
    await expect(cut).rejects.toMatchObject({ kind: 'Unavailable', reason: 'DatabaseUnavailable', retryable: true });
    expect(await other.transaction(async (tx) => tx.query('SELECT 1 AS one'))).toEqual([{ one: 1 }]);
    await other.close();
  });

  it('runs a transaction again after a deadlock', async () => {
    await world.database.query('CREATE TABLE pairs (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0)');
    await world.database.query('INSERT INTO pairs (id) VALUES (1), (2)');
    const add = (first: number, second: number) =>
      world.database.transaction(async (tx) => {
        await tx.query('UPDATE pairs SET n = n + 1 WHERE id = $1', [first]);
        await tx.query('SELECT pg_sleep(0.05)');
        await tx.query('UPDATE pairs SET n = n + 1 WHERE id = $1', [second]);
      });
    await Promise.all([add(1, 2), add(2, 1)]);
    expect(await world.database.query('SELECT n FROM pairs ORDER BY id')).toEqual([{ n: 2 }, { n: 2 }]);
    await world.database.query('DROP TABLE pairs');
  });

  it('waits for a database that is not there until it is told to stop', async () => {
    const other = Database.create({ url: 'postgres://a:b@127.0.0.1:1/x', poolSize: 1, applicationName: 'absent' });
    const stop = new AbortController();
    const connecting = other.connect(stop.signal);
    stop.abort(new Error('stopped'));
    await expect(connecting).rejects.toThrow('stopped');
    expect(await other.isReachable()).toBe(false);
    await other.close();
  });

  it('refuses a schema of another version', async () => {
    await world.database.query(
      `INSERT INTO migrations (timestamp, name) VALUES (9999999999999, 'Future9999999999999')`,
    );
    const other = Database.create({ url: world.url, poolSize: 1, applicationName: 'old' });
    await expect(other.connect()).rejects.toMatchObject({ kind: 'Unavailable', reason: 'SchemaOutdated' });
    await world.database.query(`DELETE FROM migrations WHERE name = 'Future9999999999999'`);
    await other.connect();
    await other.close();
  });

  it('wakes listeners with the keys that were touched, and with an empty payload after it had to connect again', async () => {
    const heard: string[] = [];
    const subscription = await world.database.listen([CHANNELS.queue, CHANNELS.logs], (channel, payload) =>
      heard.push(`${channel} ${payload}`),
    );
    const notifier = new Notifier(world.database, { debounceMs: 20 });
    notifier.touch(CHANNELS.queue, 'a');
    await eventually('the first touch', () => heard.includes('if_queue a'));
    notifier.touch(CHANNELS.queue, 'b');
    notifier.touch(CHANNELS.queue, 'c');
    notifier.touch(CHANNELS.queue, 'b');
    await eventually('the touches that were gathered', () => heard.includes('if_queue b,c'));
    for (let n = 0; n < 400; n += 1)
      notifier.touch(CHANNELS.logs, `00000000-0000-0000-0000-${String(n).padStart(12, '0')}`);
    await notifier.flush();
    await eventually('too many keys are said as all', () => heard.includes('if_logs all'));
    await endConnections('%-listen');
    await eventually(
      'every channel is called after the reconnect',
      () => heard.includes('if_queue ') && heard.includes('if_logs '),
    );
    notifier.touch(CHANNELS.queue, 'd');
    await eventually('it listens again', () => heard.includes('if_queue d'));
    await notifier.close();
    await subscription.close();
  });
});
