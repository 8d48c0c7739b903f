import {
  PostgresInvariants,
  PostgresLeases,
  type BrokenInvariant,
  type InvariantName,
} from '@image-factory/persistence';
import { startTelemetry, type Telemetry } from '@image-factory/telemetry';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness } from './dispatcher-harness.js';
import { QueueWorld } from './queue-world.js';

const TABLES = 'builds, build_executions, lanes, project_lanes, dispatchers, cluster_shards';

describe('what must never be is counted', () => {
  let world: QueueWorld;
  let invariants: PostgresInvariants;
  let tenant: string;

  beforeAll(async () => {
    world = await QueueWorld.open();
    invariants = new PostgresInvariants(world.database);
  });
  beforeEach(async () => {
    tenant = await world.tenant();
    expect(await broken()).toEqual([]);
  });
  afterEach(async () => {
    await world.database.query(`TRUNCATE ${TABLES} CASCADE`);
    await world.database.query('UPDATE providers SET running = 0');
  });
  afterAll(() => world.close());

  async function broken(): Promise<[InvariantName, BrokenInvariant][]> {
    const report = await invariants.read();
    return (Object.entries(report) as [InvariantName, BrokenInvariant][]).filter(([, { count }]) => count > 0);
  }

  /** A build that runs on a shard which a live dispatcher holds. */
  async function placed(): Promise<{ buildId: string; executionId: string; providerId: string; dispatcherId: string }> {
    await world.submit(tenant);
    const [providerId, dispatcherId] = [await world.provider(), await world.dispatcher()];
    const { claimed } = await world.placed(dispatcherId, providerId);
    expect(await broken()).toEqual([]);
    return { buildId: claimed.buildId, executionId: claimed.executionId, providerId, dispatcherId };
  }

  it('a claim whose dispatcher is gone is stranded', async () => {
    await world.submit(tenant);
    const dispatcherId = await world.dispatcher();
    const { executionId } = await world.claimOne(dispatcherId);
    await world.database.query(`UPDATE build_executions SET claimed_at = now() - interval '2 minutes'`);
    expect(await broken()).toEqual([]);
    await world.database.query('DELETE FROM dispatchers');
    const examples = [`execution ${executionId} is placed by a dispatcher that is gone`];
    expect(await broken()).toEqual([['stranded', { count: 1, examples }]]);
  });

  it('a run on a shard that nobody owns is stranded', async () => {
    const { executionId } = await placed();
    await world.database.query(`UPDATE build_executions SET placed_at = now() - interval '2 minutes'`);
    expect(await broken()).toEqual([]);
    await world.database.query(`UPDATE dispatchers SET lease_until = now() - interval '2 minutes'`);
    const examples = [`execution ${executionId} (creating) is on a shard that nobody owns`];
    expect(await broken()).toEqual([['stranded', { count: 1, examples }]]);
  });

  it('a run on a shard between two owners is stranded only when none takes it', async () => {
    const { executionId, dispatcherId } = await placed();
    await world.database.query(`UPDATE build_executions SET placed_at = now() - interval '2 minutes'`);
    await new PostgresLeases(world.database).deregister(dispatcherId);
    expect(await broken()).toEqual([]);
    await world.database.query(`UPDATE cluster_shards SET freed_at = freed_at - interval '1 minute'`);
    const examples = [`execution ${executionId} (creating) is on a shard that nobody owns`];
    expect(await broken()).toEqual([['stranded', { count: 1, examples }]]);
  });

  it('a build that runs without an execution is stranded', async () => {
    // The scan looks at the builds of the last day, by the time in their ids.
    const { id } = await world.submitNew(tenant);
    await world.database.query(`UPDATE builds SET status = 'running', queue_key = NULL WHERE id = $1`, [id]);
    await world.database.query('UPDATE lanes SET queued = 0');
    const examples = [`build ${id} is running without an execution`];
    expect(await broken()).toEqual([['stranded', { count: 1, examples }]]);
  });

  it('two live executions of one build are duplicates, should the schema ever let them be', async () => {
    const { buildId } = await placed();
    const { definition } = await world.one<{ definition: string }>(
      `SELECT indexdef AS definition FROM pg_indexes WHERE indexname = 'build_executions_live'`,
    );
    await world.database.query('DROP INDEX build_executions_live');
    await world.database.query(
      `INSERT INTO build_executions (id, build_id, tenant_id, attempt, state, owner, claim_token, log_day, slot_held)
       SELECT gen_random_uuid(), build_id, tenant_id, attempt + 1, 'placing', owner, gen_random_uuid(), log_day, false
         FROM build_executions`,
    );
    const examples = [`build ${buildId} has 2 live executions`];
    expect(await broken()).toEqual([['duplicates', { count: 1, examples }]]);
    await world.database.query('TRUNCATE builds, build_executions CASCADE');
    await world.database.query(definition);
  });

  it('a log that is neither sealed nor marked long after the outcome is unsealed', async () => {
    await placed();
    await world.database.query(
      `UPDATE build_executions SET state = 'sealing', outcome = 'failed', outcome_at = now() - interval '10 minutes'`,
    );
    expect((await broken()).map(([name, { count }]) => [name, count])).toEqual([['unsealed', 1]]);
    await world.database.query(`UPDATE dispatchers SET metrics = '{"seal_limit_seconds": 1200}'`);
    expect(await broken()).toEqual([]);
    await world.database.query(`UPDATE dispatchers SET metrics = '{"seal_limit_seconds": 300}'`);
    expect((await broken()).map(([name]) => name)).toEqual(['unsealed']);
    await world.database.query('UPDATE build_executions SET log_sealed_at = now()');
    expect((await broken()).map(([name]) => name)).toEqual(['unsealed']);
    await world.database.query('UPDATE build_executions SET credentials_removed_at = now()');
    expect(await broken()).toEqual([]);
  });

  it.each([
    ['tenant', 'UPDATE lanes SET queued = queued + 1'],
    ['tenant', 'UPDATE lanes SET running_cpu = running_cpu + 1'],
    ['project', 'UPDATE project_lanes SET running = running + 1'],
    ['provider', 'UPDATE providers SET running = running + 1'],
  ])('a counter of a %s that says something else is drift: %s', async (whose, sql) => {
    await world.project(tenant, 3);
    await world.provider();
    await world.database.query('DELETE FROM providers WHERE id <> (SELECT max(id::text)::uuid FROM providers)');
    expect(await broken()).toEqual([]);
    await world.database.query(sql);
    const [[name, found] = []] = await broken();
    expect([name, found?.count]).toEqual(['drift', 1]);
    expect(found?.examples[0]).toContain(`of ${whose} `);
  });
});

describe('what a dispatcher meets on its clusters', () => {
  let telemetry: Telemetry;
  let harness: DispatcherHarness;
  beforeAll(async () => {
    telemetry = await startTelemetry({ service: 'image-factory-test', version: '0.0.0' });
    harness = await DispatcherHarness.open();
  });
  afterAll(async () => {
    await harness.close();
    await telemetry.shutdown();
  });

  it('is counted from the sweep to the metrics: a stray object, a cluster of another installation', async () => {
    const other = await harness.addProvider('cluster-2');
    await harness.start({ periodicScale: 0.01 });
    const gauges = async (): Promise<Record<string, number>> => {
      const lines = [
        ...(await telemetry.metricsText()).matchAll(/^image_factory_invariant_(\w+)(?:\{[^}]*\})? (\d+)$/gm),
      ];
      return Object.fromEntries(lines.map(([, name = '', value]) => [name, Number(value)]));
    };
    const whole = { orphans: 0, stranded: 0, duplicates: 0, unsealed: 0, drift: 0, foreign: 0 };
    await expect.poll(gauges, { timeout: 20_000 }).toEqual(whole);
    harness.cluster.secrets.set('stray', { executionId: crypto.randomUUID(), shard: 3 });
    other.cluster.foreign = true;
    await expect.poll(gauges, { timeout: 20_000 }).toEqual({ ...whole, orphans: 1, foreign: 1 });
    const { foreign } = await new PostgresInvariants(harness.database).read();
    expect(foreign.examples).toEqual(['provider cluster-2']);
    harness.cluster.secrets.clear();
    other.cluster.foreign = false;
    await expect.poll(gauges, { timeout: 20_000 }).toEqual(whole);
  });
});
