import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PRIORITY_STEP_MS } from '@image-factory/domain';
import { eventually } from '@image-factory/test-support';
import { CLAIM_SETTINGS } from '../../libs/persistence/src/queue/claim-builds.js';
import { CLAIM_GATES, CLAIM_HEADS } from '../../libs/persistence/src/queue/claim-statements.js';
import { QueueWorld } from './queue-world.js';

describe('claiming builds', () => {
  let world: QueueWorld;

  beforeAll(async () => {
    world = await QueueWorld.open(24);
  });
  afterAll(async () => {
    await world.close();
  });

  it('never claims a build twice and never exceeds a tenant’s limit, with sixteen claimers at once', async () => {
    const tenants = await Promise.all([3, 5, 40].map((limit) => world.tenant(limit)));
    for (const tenant of tenants) await world.submitMany(tenant, 60);
    const claimers = await Promise.all(Array.from({ length: 16 }, () => world.dispatcher()));
    let over = 0;
    const watch = async (): Promise<void> => {
      const lanes = await world.database.query('SELECT 1 FROM lanes WHERE running > max_running');
      over += lanes.length;
    };
    const seen: string[] = [];
    for (let round = 0; round < 8; round += 1) {
      const results = await Promise.all([
        ...claimers.map((dispatcherId) => world.queue.claim({ dispatcherId, limit: 2 })),
        watch(),
      ]);
      for (const result of results) if (result !== undefined) seen.push(...result.claimed.map((one) => one.buildId));
    }
    expect(over).toBe(0);
    expect(new Set(seen).size).toBe(seen.length);
    const lanes = await Promise.all(tenants.map((tenant) => world.lane(tenant)));
    expect(lanes.map((lane) => lane.running)).toEqual([3, 5, 40]);
    expect(await world.queue.reconcileCounters()).toEqual({ drift: [], projects: [], providers: [] });
    for (const tenant of tenants) await world.database.query('DELETE FROM lanes WHERE tenant_id = $1', [tenant]);
  });

  it('counts what waits only for its tenant’s limit', async () => {
    const tenant = await world.tenant(1);
    const dispatcherId = await world.dispatcher();
    for (let n = 0; n < 3; n += 1) await world.submit(tenant);
    const first = await world.queue.claim({ dispatcherId, limit: 10 });
    expect(first.claimed).toHaveLength(1);
    expect(first.skippedForLimit).toBe(2);
    await world.database.query('DELETE FROM lanes WHERE tenant_id = $1', [tenant]);
  });

  it('goes by priority and age inside a tenant: one step of priority is worth its time of waiting', async () => {
    const tenant = await world.tenant(100);
    const dispatcherId = await world.dispatcher();
    const old = await world.submit(tenant);
    await world.database.query(
      `UPDATE builds SET queue_key = queue_key - $2, created_at = created_at - $2 * interval '1 millisecond' WHERE id = $1`,
      [old, PRIORITY_STEP_MS + 1_000],
    );
    const plain = await world.submit(tenant);
    const urgent = await world.submit(tenant, { priority: 1 });
    const veryUrgent = await world.submit(tenant, { priority: 5 });
    const { claimed } = await world.queue.claim({ dispatcherId, limit: 10 });
    expect(claimed.map((one) => one.buildId)).toEqual([veryUrgent, old, urgent, plain]);
    await world.database.query('DELETE FROM lanes WHERE tenant_id = $1', [tenant]);
  });

  it('does not starve others behind a capped tenant’s backlog', async () => {
    const noisy = await world.tenant(1);
    await world.submitMany(noisy, 5_000);
    const dispatcherId = await world.dispatcher();
    expect((await world.queue.claim({ dispatcherId, limit: 50 })).claimed).toHaveLength(1);
    const quiet = await Promise.all([world.tenant(), world.tenant(), world.tenant()]);
    for (const tenant of quiet) for (let n = 0; n < 4; n += 1) await world.submit(tenant);
    const { claimed } = await world.queue.claim({ dispatcherId, limit: 6 });
    const perTenant = quiet.map((tenant) => claimed.filter((one) => one.tenantId === tenant).length);
    expect(perTenant).toEqual([2, 2, 2]);
    for (const tenant of [noisy, ...quiet])
      await world.database.query('DELETE FROM lanes WHERE tenant_id = $1', [tenant]);
  });

  it('reads the heads by builds_claim, whatever share of the table is queued', async () => {
    const tenant = await world.tenant(100);
    await world.submitMany(tenant, 2_000);
    const plan = async (): Promise<string> =>
      world.database.transaction(
        async (tx) => {
          const rows = await tx.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${CLAIM_HEADS.text}`, [[tenant], [25]]);
          return rows.map((row) => row['QUERY PLAN']).join('\n');
        },
        { settings: CLAIM_SETTINGS },
      );
    expect(await plan()).toContain('builds_claim');
    await world.database.query('ANALYZE builds');
    expect(await plan()).toContain('builds_claim');
    await world.database.query(
      `UPDATE builds SET status = 'completed', queue_key = NULL, finished_at = now() WHERE tenant_id = $1 AND build_number > 1000`,
      [tenant],
    );
    await world.database.query('ANALYZE builds');
    expect(await plan()).toContain('builds_claim');
    await world.database.query(
      `UPDATE builds SET status = 'completed', queue_key = NULL, finished_at = now() WHERE tenant_id = $1 AND build_number > 5`,
      [tenant],
    );
    await world.database.query('ANALYZE builds');
    expect(await plan()).toContain('builds_claim');
    await world.database.query('DELETE FROM lanes WHERE tenant_id = $1', [tenant]);
  });

  it('waits for a lane that others always hold rather than pass it over for ever', async () => {
    const tenant = await world.tenant(100);
    await world.submitMany(tenant, 40);
    const claimers = await Promise.all(Array.from({ length: 8 }, () => world.dispatcher()));
    const results = await Promise.all(claimers.map((dispatcherId) => world.queue.claim({ dispatcherId, limit: 5 })));
    expect(results.map((result) => result.claimed.length)).toEqual(Array(8).fill(5));
    await world.database.query('DELETE FROM lanes WHERE tenant_id = $1', [tenant]);
  });

  it('now and then waits for a busy lane whose turn it is, although another one is free', async () => {
    const busy = await world.tenant(100);
    const free = await world.tenant(100);
    await world.submitMany(busy, 2);
    await world.submitMany(free, 2);
    await world.database.query('UPDATE lanes SET served = 1 WHERE tenant_id = $1', [free]);
    const dispatcherId = await world.dispatcher();
    const claimOf = async (): Promise<string | undefined> =>
      (await world.queue.claim({ dispatcherId, limit: 1 })).claimed[0]?.tenantId;
    const random = vi.spyOn(Math, 'random');
    const waiting = await world.database.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM lanes WHERE tenant_id = $1 FOR UPDATE', [busy]);
      random.mockReturnValue(0.99);
      expect(await claimOf()).toBe(free);
      random.mockReturnValue(0);
      const claimed = claimOf();
      await eventually('a claim waits for the lane', async () => {
        const waits = await tx.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return waits.length > 0;
      });
      return { claimed };
    });
    expect(await waiting.claimed).toBe(busy);
    random.mockRestore();
    await world.database.query('DELETE FROM lanes WHERE tenant_id = ANY ($1::uuid[])', [[busy, free]]);
  });

  it('waits at the gate while as many claims as may be are under way, and then claims', async () => {
    const tenant = await world.tenant(100);
    await world.submitMany(tenant, 1);
    const dispatcherId = await world.dispatcher();
    const claiming = await world.database.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock(5277821, gate) FROM generate_series(1, $1::integer) AS gate', [
        CLAIM_GATES,
      ]);
      const claim = world.queue.claim({ dispatcherId, limit: 1 });
      await eventually('a claim waits at the gate', async () => {
        const waiting = await tx.query(
          `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
              AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
        );
        return waiting.length === 1;
      });
      return { claim };
    });
    expect((await claiming.claim).claimed).toHaveLength(1);
    await world.database.query('DELETE FROM lanes WHERE tenant_id = $1', [tenant]);
  });

  it('claims nothing while dispatching is paused', async () => {
    const tenant = await world.tenant();
    await world.submit(tenant);
    const dispatcherId = await world.dispatcher();
    await world.database.query('UPDATE installation SET dispatch_paused = true');
    expect((await world.queue.claim({ dispatcherId, limit: 5 })).claimed).toEqual([]);
    await world.database.query('UPDATE installation SET dispatch_paused = false');
    const [claimed] = (await world.queue.claim({ dispatcherId, limit: 5 })).claimed;
    expect(claimed).toMatchObject({
      tenantId: tenant,
      attempt: 1,
      buildMethod: 'kaniko',
      tektonEnabledForTenant: true,
    });
  });

  it('refuses a submission to a full lane, parked builds counted, and leaves nothing behind', async () => {
    const tenant = await world.tenant();
    await world.submit(tenant, { maxQueued: 2 });
    await world.submit(tenant, { maxQueued: 2, notBefore: new Date(Date.now() + 3_600_000) });
    await expect(world.submit(tenant, { maxQueued: 2 })).rejects.toThrow();
    expect(await world.lane(tenant)).toEqual({ queued: 1, parked: 1, running: 0 });
    const submissions = Array.from({ length: 10 }, () =>
      world.submit(tenant, { maxQueued: 5 }).then(
        () => 1,
        () => 0,
      ),
    );
    const accepted = (await Promise.all(submissions)).reduce<number>((sum, one) => sum + one, 0);
    expect(accepted).toBe(3);
  });

  it('does not put back the limits of a tenant that a submission read before they were changed', async () => {
    const tenant = await world.tenant(100);
    const buildId = await world.submit(tenant);
    // As after a submission that found the lane full, which a claim has emptied since.
    await world.database.query('UPDATE lanes SET queued = 0 WHERE tenant_id = $1', [tenant]);
    const blocked = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    let counted: Promise<boolean> | undefined;
    await world.database.transaction(async (admin) => {
      await admin.query('SELECT 1 FROM lanes WHERE tenant_id = $1 FOR UPDATE', [tenant]);
      await admin.query('UPDATE tenants SET max_concurrent_builds = 5 WHERE id = $1', [tenant]);
      await world.queue.syncLane(admin, tenant);
      const of = { tenantId: tenant, maxQueuedBuilds: 10 };
      counted = world.database.transaction((tx) => world.queue.countNew(tx, buildId, of));
      await eventually(
        'the submission waits for the lane',
        async () => (await world.database.query(blocked)).length > 0,
      );
    });
    expect(await counted).toBe(true);
    expect(await world.one('SELECT max_running, queued FROM lanes WHERE tenant_id = $1', [tenant])).toEqual({
      max_running: 5,
      queued: 1,
    });
  });
});
