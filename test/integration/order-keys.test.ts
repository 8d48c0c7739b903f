import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ConcurrencyPolicy } from '@image-factory/domain';
import type { Submitted } from '@image-factory/persistence';
import { eventually } from '@image-factory/test-support';
import { QueueWorld } from './queue-world.js';

const LOST = { state: 'lost' as const, reason: 'ClusterLost' as const, message: '', retry: false };

describe('builds of one concurrency key', () => {
  let world: QueueWorld;
  let dispatcherId: string;

  beforeAll(async () => {
    world = await QueueWorld.open(20);
    dispatcherId = await world.dispatcher();
  });
  afterEach(async () => {
    expect(await world.queue.reconcileCounters()).toEqual({ drift: [], projects: [], providers: [] });
    await world.database.query('DELETE FROM lanes');
  });
  afterAll(async () => {
    await world.close();
  });

  const submit = (tenant: string, policy: ConcurrencyPolicy, key = 'main', priority = 0): Promise<Submitted> =>
    world.submitNew(tenant, { concurrency: { key, policy }, priority });

  it('run one at a time, in the order of the queue, until none is left', async () => {
    const tenant = await world.tenant(100);
    const plain = [];
    for (let n = 0; n < 4; n += 1) plain.push((await submit(tenant, 'queue')).id);
    const urgent = await submit(tenant, 'queue', 'main', 2);
    const other = await submit(tenant, 'queue', 'other');
    const order: string[] = [];
    const first = (await world.queue.claim({ dispatcherId, limit: 10 })).claimed;
    expect(first.map((one) => one.buildId)).toEqual([urgent.id, other.id]);
    expect(await world.build(plain[0]!)).toMatchObject({ status: 'queued', parked: 'ConcurrencyKeyBusy' });
    for (let [running] = first; running !== undefined;) {
      order.push(running.buildId);
      await world.fail(running, dispatcherId);
      const next = (await world.queue.claim({ dispatcherId, limit: 10 })).claimed;
      expect(next.length).toBeLessThanOrEqual(1);
      running = next[0];
    }
    expect(order).toEqual([urgent.id, ...plain]);
  });

  it('hold the key until the attempt has ended, not only until its slot is free', async () => {
    const tenant = await world.tenant(100);
    const provider = await world.provider();
    const running = await submit(tenant, 'queue');
    const waiting = await submit(tenant, 'queue');
    const { claimed, fence } = await world.placed(dispatcherId, provider);
    expect(claimed.buildId).toBe(running.id);
    const claim = async (): Promise<string[]> =>
      (await world.queue.claim({ dispatcherId, limit: 5 })).claimed.map((one) => one.buildId);
    expect(await claim()).toEqual([]);
    await world.executions.markPodsOver(fence, claimed.executionId);
    expect(await claim()).toEqual([]);
    await world.executions.finish(fence, claimed.executionId, LOST);
    expect(await claim()).toEqual([waiting.id]);
  });

  it('leave the project’s room to others while they wait for their key', async () => {
    const tenant = await world.tenant(100);
    const projectId = await world.project(tenant, 2);
    const keyed = { projectId, concurrency: { key: 'k', policy: 'queue' as const } };
    for (let n = 0; n < 3; n += 1) await world.submitNew(tenant, keyed);
    const plain = await world.submitNew(tenant, { projectId });
    const { claimed } = await world.queue.claim({ dispatcherId, limit: 10 });
    expect(claimed).toHaveLength(2);
    expect(claimed[1]?.buildId).toBe(plain.id);
  });

  it('cancel_queued takes the place of those that wait, parked ones too, and leaves what runs', async () => {
    const tenant = await world.tenant(100);
    const running = await submit(tenant, 'queue');
    await world.queue.claim({ dispatcherId, limit: 1 });
    const parked = await submit(tenant, 'queue');
    await world.queue.claim({ dispatcherId, limit: 5 });
    const queued = await submit(tenant, 'queue');
    const other = await submit(tenant, 'queue', 'other');
    const newest = await submit(tenant, 'cancel_queued');
    expect([...newest.superseded.buildIds].sort()).toEqual([parked.id, queued.id].sort());
    expect(newest.superseded.executionIds).toEqual([]);
    for (const { id } of [parked, queued]) {
      expect(await world.build(id)).toMatchObject({ status: 'cancelled', reason: 'Superseded', attempt: 0 });
    }
    expect((await world.build(running.id)).status).toBe('running');
    expect((await world.build(other.id)).status).toBe('queued');
  });

  it('cancel_running asks what runs to stop and starts when it has; what was never placed touches no cluster', async () => {
    const tenant = await world.tenant(100);
    const provider = await world.provider();
    const old = await submit(tenant, 'queue');
    const { claimed, fence } = await world.placed(dispatcherId, provider);
    const newer = await submit(tenant, 'cancel_running');
    expect(newer.superseded).toEqual({ buildIds: [old.id], executionIds: [claimed.executionId] });
    expect((await world.build(old.id)).status).toBe('cancelling');
    expect((await world.execution(claimed.executionId)).stop_intent).toBe('Superseded');
    expect((await world.queue.claim({ dispatcherId, limit: 5 })).claimed).toEqual([]);
    await world.executions.finish(fence, claimed.executionId, { ...LOST, reason: 'Superseded' });
    expect(await world.build(old.id)).toMatchObject({ status: 'cancelled', reason: 'Superseded' });
    const placing = await world.claimOne(dispatcherId);
    expect(placing.buildId).toBe(newer.id);
    const newest = await submit(tenant, 'cancel_running');
    expect(await world.queue.place(world.commit(placing, dispatcherId, provider))).toEqual({ kind: 'claim-lost' });
    expect(await world.build(newer.id)).toMatchObject({ status: 'cancelled', reason: 'Superseded' });
    expect((await world.execution(placing.executionId)).provider_id).toBeNull();
    expect((await world.claimOne(dispatcherId)).buildId).toBe(newest.id);
  });

  it('reject refuses while another is queued or runs, by name, and leaves nothing behind', async () => {
    const tenant = await world.tenant(100);
    const first = await submit(tenant, 'reject');
    const refused = { kind: 'Conflict', reason: 'ConcurrencyKeyTaken', message: expect.stringContaining(first.id) };
    await expect(submit(tenant, 'reject')).rejects.toMatchObject(refused);
    const claimed = await world.claimOne(dispatcherId);
    await expect(submit(tenant, 'reject')).rejects.toMatchObject(refused);
    expect(await world.lane(tenant)).toEqual({ queued: 0, parked: 0, running: 1 });
    await world.fail(claimed, dispatcherId);
    const again = await submit(tenant, 'reject');
    const numbers = await world.database.query<{ build_number: number }>(
      'SELECT build_number FROM builds WHERE id = ANY ($1::uuid[]) ORDER BY build_number',
      [[first.id, again.id]],
    );
    expect(numbers).toEqual([{ build_number: 1 }, { build_number: 2 }]);
    await world.fail(await world.claimOne(dispatcherId), dispatcherId);
  });

  it('leave at most one of many submissions that cancel each other while claimers take them', async () => {
    const tenant = await world.tenant(100);
    const claimers = await Promise.all(Array.from({ length: 4 }, () => world.dispatcher()));
    let over = false;
    const provider = await world.provider();
    const claim = async (id: string): Promise<void> => {
      while (!over) {
        const { claimed } = await world.queue.claim({ dispatcherId: id, limit: 2 });
        for (const one of claimed) {
          await world.queue.place(world.commit(one, id, provider));
          await world.fence(id, provider).then(
            (fence) => world.executions.finish(fence, one.executionId, { ...LOST, retry: false }),
            () => undefined,
          );
        }
      }
    };
    const claiming = Promise.all(claimers.map(claim));
    const submitted: Submitted[] = [];
    for (let round = 0; round < 6; round += 1) {
      submitted.push(...(await Promise.all(Array.from({ length: 5 }, () => submit(tenant, 'cancel_running')))));
    }
    over = true;
    await claiming;
    const open = await world.database.query<{ status: string }>(
      `SELECT status FROM builds WHERE tenant_id = $1 AND status IN ('queued', 'running')`,
      [tenant],
    );
    expect(open.length).toBeLessThanOrEqual(1);
    expect(submitted).toHaveLength(30);
    const twice = await world.database.query(
      `SELECT 1 FROM build_executions WHERE concurrency_group IS NOT NULL
          AND state IN ('placing', 'creating', 'starting', 'running', 'sealing', 'promoting')
        GROUP BY concurrency_group HAVING count(*) > 1`,
    );
    expect(twice).toEqual([]);
  });

  it('cancel_running finds a build that a claim took while it waited for the lane', async () => {
    const tenant = await world.tenant(100);
    const old = await submit(tenant, 'queue');
    const newer = await world.database.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM lanes WHERE tenant_id = $1 FOR UPDATE', [tenant]);
      const submitting = submit(tenant, 'cancel_running');
      await eventually('the submission waits for the lane', async () => {
        const waits = await world.database.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'
                                                     AND datname = current_database()`);
        return waits.length > 0;
      });
      // What a claim writes under the lane.
      await tx.query(
        `WITH b AS (UPDATE builds SET status = 'running', queue_key = NULL, attempt = 1 WHERE id = $1 RETURNING *),
              l AS (UPDATE lanes SET queued = queued - 1, running = running + 1, running_cpu = running_cpu + 1000,
                           running_memory = running_memory + 2147483648 WHERE tenant_id = $2)
         INSERT INTO build_executions (id, build_id, tenant_id, attempt, state, owner, claim_token, concurrency_group)
         SELECT gen_random_uuid(), id, tenant_id, 1, 'placing', $3, gen_random_uuid(), project_id || ':main' FROM b`,
        [old.id, tenant, dispatcherId],
      );
      return { submitting };
    });
    expect((await newer.submitting).superseded.buildIds).toEqual([old.id]);
    expect((await world.build(old.id)).status).toBe('cancelling');
  });

  it('do not meet those of the same key in another project', async () => {
    const tenant = await world.tenant(100);
    await submit(tenant, 'reject');
    const projectId = await world.project(tenant);
    await world.submitNew(tenant, { projectId, concurrency: { key: 'main', policy: 'reject' } });
    expect((await world.queue.claim({ dispatcherId, limit: 5 })).claimed).toHaveLength(2);
  });
});
