import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClaimedExecution } from '@image-factory/persistence';
import { QueueWorld } from './queue-world.js';

const LIVE = `('placing', 'creating', 'starting', 'running', 'sealing', 'promoting')`;

/** Every limit that is exceeded in one snapshot, counted from the executions themselves and not from any counter. */
const EXCEEDED = `
  WITH held AS (
    SELECT e.tenant_id, b.project_id, e.concurrency_group, e.slot_held
      FROM build_executions e JOIN builds b ON b.id = e.build_id WHERE e.state IN ${LIVE})
  SELECT 'tenant' AS what FROM held h JOIN tenants t ON t.id = h.tenant_id WHERE h.slot_held
   GROUP BY t.id HAVING count(*) > t.max_concurrent_builds
  UNION ALL
  SELECT 'project' FROM held h JOIN projects p ON p.id = h.project_id WHERE h.slot_held AND p.max_concurrent_builds IS NOT NULL
   GROUP BY p.id HAVING count(*) > p.max_concurrent_builds
  UNION ALL
  SELECT 'installation' FROM held, installation i WHERE held.slot_held
   GROUP BY i.max_concurrent_builds HAVING count(*) > i.max_concurrent_builds
  UNION ALL
  SELECT 'key' FROM held WHERE concurrency_group IS NOT NULL GROUP BY concurrency_group HAVING count(*) > 1`;

describe('limits under many claimers', () => {
  let world: QueueWorld;

  beforeAll(async () => {
    world = await QueueWorld.open(24);
  });
  afterAll(async () => {
    await world.close();
  });

  /** Looks as often as the database answers, until `done`; counts what it saw. */
  async function probe(done: () => boolean): Promise<{ looks: number; exceeded: string[]; most: number }> {
    const seen = { looks: 0, exceeded: [] as string[], most: 0 };
    while (!done()) {
      const rows = await world.database.query<{ what: string }>(EXCEEDED);
      seen.exceeded.push(...rows.map((row) => row.what));
      const { running } = await world.one<{ running: number }>(
        `SELECT count(*)::int AS running FROM build_executions WHERE slot_held AND state IN ${LIVE}`,
      );
      seen.most = Math.max(seen.most, running);
      seen.looks += 1;
    }
    return seen;
  }

  it('are never exceeded: tenant, project, installation and key, with four claimers and ends beside them', async () => {
    await world.database.query('UPDATE installation SET max_concurrent_builds = 9');
    const provider = await world.provider();
    const owner = await world.dispatcher();
    const fence = await world.fence(owner, provider);
    const tenants = await Promise.all([world.tenant(4), world.tenant(6), world.tenant(50)]);
    let submitted = 0;
    for (const tenantId of tenants) {
      const limited = await world.project(tenantId, 2);
      for (let n = 0; n < 30; n += 1) {
        await world.submitNew(tenantId, {
          ...(n % 2 === 0 ? { projectId: limited } : {}),
          ...(n % 3 === 0 ? { concurrency: { key: `key ${n % 2}`, policy: 'queue' } } : {}),
          priority: n % 4,
        });
        submitted += 1;
      }
    }
    let ended = 0;
    const end = async (claimed: ClaimedExecution, dispatcherId: string, way: number): Promise<void> => {
      const request = { executionId: claimed.executionId, dispatcherId, message: '' };
      if (way === 0 && claimed.bounces === 0) {
        await world.queue.release({ ...request, reason: 'ClaimLost' });
        return;
      }
      if (way === 1 && claimed.bounces === 0) {
        const wakeAt = new Date(Date.now() - 1_000);
        await world.queue.park({ ...request, parking: { reason: 'BackOff', message: '', wakeAt } });
        await world.queue.wakeDue(100, new Date());
        return;
      }
      ended += 1;
      if (way === 2) return world.fail(claimed, dispatcherId);
      await world.queue.place(world.commit(claimed, dispatcherId, provider));
      if (way === 3) await world.executions.markPodsOver(fence, claimed.executionId);
      const lost = { state: 'lost' as const, reason: 'ClusterLost' as const, message: '', retry: false };
      expect(await world.executions.finish(fence, claimed.executionId, lost)).toBe('done');
    };
    const deadline = Date.now() + 45_000;
    const claimer = async (seed: number): Promise<void> => {
      const dispatcherId = await world.dispatcher();
      for (let n = seed; ended < submitted && Date.now() < deadline; n += 1) {
        const { claimed } = await world.queue.claim({ dispatcherId, limit: 1 + (n % 4) });
        for (const [index, one] of claimed.entries()) await end(one, dispatcherId, (n + index) % 5);
      }
    };
    let over = false;
    const probing = probe(() => over);
    await Promise.all([1, 2, 3, 4].map(claimer));
    over = true;
    const { looks, exceeded, most } = await probing;
    expect({ exceeded, ended }).toEqual({ exceeded: [], ended: submitted });
    expect(looks).toBeGreaterThan(20);
    expect(most).toBeGreaterThan(3);
    expect(await world.queue.reconcileCounters()).toEqual({ drift: [], projects: [], providers: [] });
    expect(await world.queue.wakeStranded()).toBe(0);
    await world.database.query('UPDATE installation SET max_concurrent_builds = NULL');
  });

  it('of the installation hold for claimers that meet, to the last build', async () => {
    await world.database.query('UPDATE installation SET max_concurrent_builds = 7');
    const tenants = await Promise.all(Array.from({ length: 6 }, () => world.tenant(50)));
    for (const tenant of tenants) await world.submitMany(tenant, 10);
    const claimers = await Promise.all(Array.from({ length: 8 }, () => world.dispatcher()));
    const claimAll = (): Promise<ClaimedExecution[]> =>
      Promise.all(claimers.map((dispatcherId) => world.queue.claim({ dispatcherId, limit: 3 }))).then((results) =>
        results.flatMap((result) => [...result.claimed]),
      );
    const first = [...(await claimAll()), ...(await claimAll())];
    expect(first).toHaveLength(7);
    expect(await claimAll()).toEqual([]);
    const { skippedForLimit } = await world.queue.claim({ dispatcherId: claimers[0]!, limit: 5 });
    expect(skippedForLimit).toBe(53);
    await world.database.query('UPDATE installation SET max_concurrent_builds = NULL');
    expect((await claimAll()).length).toBeGreaterThan(0);
    for (const tenant of tenants) await world.database.query('DELETE FROM lanes WHERE tenant_id = $1', [tenant]);
  });
});

describe('a project’s limit', () => {
  let world: QueueWorld;

  beforeAll(async () => {
    world = await QueueWorld.open(8);
  });
  afterAll(async () => {
    expect(await world.queue.reconcileCounters()).toEqual({ drift: [], projects: [], providers: [] });
    await world.close();
  });

  it('sets aside what has no room, lets the rest of the tenant pass, and wakes the next by priority', async () => {
    const tenant = await world.tenant(100);
    const dispatcherId = await world.dispatcher();
    const limited = await world.project(tenant, 1);
    const first = await world.submitNew(tenant, { projectId: limited });
    const plain = await world.submitNew(tenant, { projectId: limited });
    const urgent = await world.submitNew(tenant, { projectId: limited, priority: 3 });
    const other = await world.submitNew(tenant);
    const { claimed } = await world.queue.claim({ dispatcherId, limit: 10 });
    expect(claimed.map((one) => one.buildId)).toEqual([urgent.id, other.id]);
    expect(await world.build(first.id)).toMatchObject({ status: 'queued', parked: 'ProjectAtLimit', attempt: 0 });
    expect(await world.lane(tenant)).toEqual({ queued: 0, parked: 2, running: 2 });
    expect(await world.timeline(first.id)).toEqual(['build →queued', 'waiting →ProjectAtLimit']);
    await world.fail(claimed[0]!, dispatcherId);
    expect(await world.lane(tenant)).toEqual({ queued: 1, parked: 1, running: 1 });
    expect(await world.claimOne(dispatcherId)).toMatchObject({ buildId: first.id });
    expect((await world.build(plain.id)).parked).toBe('ProjectAtLimit');
  });

  it('is read by the claim that comes after a change: raised, taken away, set while builds run', async () => {
    const tenant = await world.tenant(100);
    const dispatcherId = await world.dispatcher();
    const project = await world.project(tenant, 1);
    for (let n = 0; n < 8; n += 1) await world.submitNew(tenant, { projectId: project });
    const claim = async (): Promise<number> => (await world.queue.claim({ dispatcherId, limit: 10 })).claimed.length;
    expect([await claim(), await claim()]).toEqual([1, 0]);
    await world.limitProject(tenant, project, 3);
    expect([await claim(), await claim()]).toEqual([2, 0]);
    await world.limitProject(tenant, project, null);
    expect(await claim()).toBe(5);
    await world.limitProject(tenant, project, 8);
    await world.submitNew(tenant, { projectId: project });
    expect(await claim()).toBe(0);
  });

  it('does not slow a claim past a deep backlog of the project: each of its builds is set aside once', async () => {
    const tenant = await world.tenant(100);
    const dispatcherId = await world.dispatcher();
    const project = await world.project(tenant, 1);
    await world.submitMany(tenant, 700);
    await world.database.query(
      'UPDATE builds SET project_id = $2, build_number = build_number + 10 WHERE tenant_id = $1',
      [tenant, project],
    );
    const last = await world.submitNew(tenant);
    await world.database.query('UPDATE builds SET queue_key = queue_key + 10000 WHERE id = $1', [last.id]);
    const { claimed } = await world.queue.claim({ dispatcherId, limit: 5 });
    expect(claimed.map((one) => one.buildId)).toContain(last.id);
    expect(await world.lane(tenant)).toEqual({ queued: 0, parked: 699, running: 2 });
  });

  it('gives room that a cancelled build leaves to the next', async () => {
    const tenant = await world.tenant(100);
    const dispatcherId = await world.dispatcher();
    const project = await world.project(tenant, 1);
    const builds = [];
    for (let n = 0; n < 3; n += 1) builds.push(await world.submitNew(tenant, { projectId: project }));
    const first = await world.claimOne(dispatcherId);
    await world.queue.claim({ dispatcherId, limit: 5 });
    await world.fail(first, dispatcherId);
    const woken = builds[1]!.id;
    await world.queue.requestCancel({ buildId: woken, tenantId: tenant, actor: 'user:a', reason: undefined });
    expect(await world.claimOne(dispatcherId)).toMatchObject({ buildId: builds[2]!.id });
  });

  it('strands no build: what waits for room that is there is woken', async () => {
    const tenant = await world.tenant(100);
    const dispatcherId = await world.dispatcher();
    const project = await world.project(tenant, 1);
    await world.submitNew(tenant, { projectId: project });
    await world.submitNew(tenant, { projectId: project });
    await world.queue.claim({ dispatcherId, limit: 5 });
    await world.database.query('UPDATE projects SET max_concurrent_builds = 2 WHERE id = $1', [project]);
    await world.database.query('UPDATE project_lanes SET max_running = 2 WHERE project_id = $1', [project]);
    expect(await world.queue.wakeStranded()).toBe(1);
    expect((await world.queue.claim({ dispatcherId, limit: 5 })).claimed).toHaveLength(1);
  });

  it('strands no build: what waits in a project that has no limit any more is woken', async () => {
    const tenant = await world.tenant(100);
    const dispatcherId = await world.dispatcher();
    const project = await world.project(tenant, 1);
    for (let n = 0; n < 3; n += 1) await world.submitNew(tenant, { projectId: project });
    await world.queue.claim({ dispatcherId, limit: 5 });
    // As when a build was being cancelled while the limit went, and the cancel was taken back.
    await world.database.query('UPDATE projects SET max_concurrent_builds = NULL WHERE id = $1', [project]);
    await world.database.query('DELETE FROM project_lanes WHERE project_id = $1', [project]);
    expect(await world.queue.wakeStranded()).toBe(2);
    expect((await world.queue.claim({ dispatcherId, limit: 5 })).claimed).toHaveLength(2);
  });
});
