import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PostgresExecutions, type FixedOutcome, type ShardLease } from '@image-factory/persistence';
import { fixedOutcome } from './fixed-outcome.js';
import { QueueWorld } from './queue-world.js';
import { weakened } from './weakened-database.js';

const EVICTED = fixedOutcome({ outcome: 'failed', reason: 'PodEvicted', fault: 'cluster', imageDigest: undefined });
const KEY = { key: 'main', policy: 'cancel_running' as const };

describe('a build whose place was taken', () => {
  let world: QueueWorld;
  let tenant: string;
  let build: string;
  let id: string;
  let fence: ShardLease;

  beforeEach(async () => {
    world = await QueueWorld.open();
    tenant = await world.tenant();
    const dispatcher = await world.dispatcher();
    build = (await world.submitNew(tenant, { concurrency: KEY })).id;
    const placed = await world.placed(dispatcher, await world.provider());
    id = placed.claimed.executionId;
    fence = placed.fence;
    expect(await world.executions.markStarting(fence, id, { uid: 'uid' })).toBe('done');
  });
  afterEach(async () => {
    expect(await world.queue.reconcileCounters()).toEqual({ drift: [], projects: [], providers: [] });
    await world.close();
  });

  const takePlace = () => world.submitNew(tenant, { concurrency: KEY });
  const cancel = () =>
    world.queue.requestCancel({ buildId: build, tenantId: tenant, actor: 'user:a', reason: undefined });

  async function end(outcome: FixedOutcome & { outcome: 'failed' | 'moved' }): Promise<void> {
    const { outcome: state, reason, message } = outcome;
    await world.executions.markPodsOver(fence, id);
    await world.executions.markSealed(fence, id, {});
    expect(await world.executions.finish(fence, id, { state, reason, message, retry: true })).toBe('done');
  }

  it('says so although its attempt had its outcome before and waits for another', async () => {
    expect(await world.executions.fixOutcome(fence, id, EVICTED)).toBe('done');
    await takePlace();
    expect((await world.execution(id)).stop_intent).toBeNull();
    await end({ ...EVICTED, outcome: 'failed' });
    expect(await world.build(build)).toMatchObject({ status: 'cancelled', reason: 'Superseded' });
  });

  it('says so although its attempt was told to move before', async () => {
    expect(await world.executions.setStopIntent(fence, id, 'Drain')).toBe('done');
    await takePlace();
    expect((await world.execution(id)).stop_intent).toBe('Drain');
    const moved = { ...EVICTED, outcome: 'moved', reason: 'Drain' } as const;
    expect(await world.executions.fixOutcome(fence, id, moved)).toBe('done');
    await end(moved);
    expect(await world.build(build)).toMatchObject({ status: 'cancelled', reason: 'Superseded' });
  });

  /** The end of its attempt waits for the row while its place is taken. */
  async function endMeanwhile(executions: PostgresExecutions): Promise<void> {
    expect(await world.executions.fixOutcome(fence, id, EVICTED)).toBe('done');
    await world.executions.markPodsOver(fence, id);
    await world.executions.markSealed(fence, id, {});
    const { reason, message } = EVICTED;
    let finishing: Promise<unknown> = Promise.resolve();
    await world.database.transaction(async (tx) => {
      await tx.query('SELECT FROM build_executions WHERE id = $1 FOR UPDATE', [id]);
      await tx.query(`UPDATE builds SET status = 'cancelling', cancel_intent = 'Superseded' WHERE id = $1`, [build]);
      finishing = executions.finish(fence, id, { state: 'failed', reason, message, retry: true });
      await world.inLine(1);
    });
    expect(await finishing).toBe('done');
  }

  it('is not queued again when that happens while the end of its attempt is written', async () => {
    await endMeanwhile(world.executions);
    expect(await world.build(build)).toMatchObject({ status: 'cancelled', reason: 'Superseded' });
  });

  it('is queued again then, when that end locks the attempt without its build', async () => {
    const alone = { of: 'lock_attempts_and_builds', without: 'FOR UPDATE OF e, b', instead: 'FOR UPDATE OF e' };
    await endMeanwhile(new PostgresExecutions(weakened(world.database, alone)));
    expect(await world.build(build)).toMatchObject({ status: 'queued' });
  });

  it('is cancelled by its user when he came first', async () => {
    expect(await world.executions.fixOutcome(fence, id, EVICTED)).toBe('done');
    await cancel();
    await takePlace();
    await end({ ...EVICTED, outcome: 'failed' });
    expect(await world.build(build)).toMatchObject({ status: 'cancelled', reason: 'Cancelled' });
  });
});
