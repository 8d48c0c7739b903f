import type { CancelResult, FixedOutcome, ShardLease } from '@image-factory/persistence';
import { PostgresBuildQueue, PostgresExecutions } from '@image-factory/persistence';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fixedOutcome } from './fixed-outcome.js';
import { QueueWorld } from './queue-world.js';
import { weakened } from './weakened-database.js';

const EVICTED = fixedOutcome({ outcome: 'failed', reason: 'PodEvicted', fault: 'cluster', imageDigest: undefined });
const FAILED = fixedOutcome({ outcome: 'failed', reason: 'StepFailed', fault: 'user', imageDigest: undefined });
const FINAL = ['completed', 'failed', 'cancelled'];
const ROUNDS = 40;

/** How an attempt ends: its outcome, if it has one before, and whether its build is to be tried again. */
interface End {
  readonly outcome?: FixedOutcome;
  readonly retry: boolean;
}

const SUCCESS: End = { outcome: fixedOutcome(), retry: false };
const FAILURE: End = { outcome: FAILED, retry: false };
const EVICTION: End = { outcome: EVICTED, retry: true };
const LOSS: End = { retry: true };

/** A running attempt of a build. */
interface Running {
  readonly build: string;
  readonly id: string;
  readonly fence: ShardLease;
}

describe('a cancel and an end that meet', () => {
  let world: QueueWorld;
  let tenant: string;
  let provider: string;
  let dispatcher: string;
  let canceller: PostgresBuildQueue;
  let owner: PostgresExecutions;

  beforeAll(async () => {
    world = await QueueWorld.open();
    tenant = await world.tenant();
    provider = await world.provider();
    dispatcher = await world.dispatcher();
    canceller = new PostgresBuildQueue(await world.connectAgain());
    owner = new PostgresExecutions(await world.connectAgain());
  });
  afterEach(async () => {
    expect(await world.queue.reconcileCounters()).toEqual({ drift: [], projects: [], providers: [] });
    expect(await world.lane(tenant)).toEqual({ queued: 0, parked: 0, running: 0 });
  });
  afterAll(() => world.close());

  async function start(): Promise<Running> {
    const build = await world.submit(tenant);
    const { claimed, fence } = await world.placed(dispatcher, provider);
    const id = claimed.executionId;
    expect(await owner.markStarting(fence, id, { uid: id })).toBe('done');
    expect(await owner.markRunning(fence, id, { firstStepStartedAt: new Date() })).toBe('done');
    return { build, id, fence };
  }

  const cancel = ({ build }: Running, by = canceller): Promise<CancelResult> =>
    by.requestCancel({ buildId: build, tenantId: tenant, actor: 'user:a', reason: 'not needed' });

  /** Everything that its owner does before the end. */
  async function leadTo({ id, fence }: Running, { outcome }: End): Promise<void> {
    if (outcome === undefined) return;
    expect(await owner.fixOutcome(fence, id, outcome)).toBe('done');
    await seal({ id, fence }, outcome);
  }

  async function seal({ id, fence }: Pick<Running, 'id' | 'fence'>, outcome: FixedOutcome): Promise<void> {
    await owner.markPodsOver(fence, id);
    await owner.markSealed(fence, id, {});
    if (outcome.outcome === 'succeeded') await owner.markTagsPromoted(fence, id, outcome.imageDigest ?? '');
  }

  function finish({ id, fence }: Running, { outcome, retry }: End): Promise<string> {
    const state = outcome?.outcome ?? 'lost';
    return owner.finish(fence, id, { state, reason: outcome?.reason ?? 'ClusterLost', message: '', retry });
  }

  /** `first` and then `second` stand in line for a row that is held, and get it in this order. */
  async function inOrder(
    held: { readonly table: 'builds' | 'build_executions'; readonly id: string },
    first: () => Promise<unknown>,
    second: () => Promise<unknown>,
  ): Promise<unknown[]> {
    const both = await world.database.transaction(async (tx) => {
      await tx.query(`SELECT FROM ${held.table} WHERE id = $1 FOR UPDATE`, [held.id]);
      const one = first();
      await world.inLine(1);
      const two = second();
      await world.inLine(2);
      return [one, two];
    });
    return Promise.all(both);
  }

  /** It has ended once, and nothing that either of them says again changes that. */
  async function isFinal(running: Running, end: End): Promise<void> {
    const look = async () => [await world.build(running.build), await world.timeline(running.build)] as const;
    const before = await look();
    expect(FINAL).toContain(before[0].status);
    expect(before[0].finished_at).not.toBeNull();
    expect(
      before[1].filter((line) => FINAL.some((status) => line.startsWith('build') && line.endsWith(status))),
    ).toEqual([expect.any(String)]);
    const said = before[0].status === 'cancelled' ? 'already' : 'finished';
    expect(await cancel(running)).toEqual({ kind: said, status: before[0].status });
    expect(await finish(running, end)).toBe('state-moved');
    expect(await owner.fixOutcome(running.fence, running.id, FAILED)).toBe('state-moved');
    expect(await look()).toEqual(before);
  }

  it.each([
    ['success', SUCCESS, { status: 'completed', reason: 'Succeeded' }],
    ['failure', FAILURE, { status: 'failed', reason: 'StepFailed' }],
    ['failure that may be tried again', EVICTION, { status: 'cancelled', reason: 'UserCancel' }],
    ['loss', LOSS, { status: 'cancelled', reason: 'UserCancel' }],
  ])('leave what the end has made of it when the %s is written first', async (_, end, expected) => {
    const running = await start();
    await leadTo(running, end);
    const [finished, cancelled] = await inOrder(
      { table: 'builds', id: running.build },
      () => finish(running, end),
      () => cancel(running),
    );
    expect(finished).toBe('done');
    const { status } = expected;
    expect(cancelled).toEqual({ kind: status === 'cancelled' ? 'cancelled' : 'finished', status });
    expect(await world.build(running.build)).toMatchObject(expected);
    expect(await world.execution(running.id)).toMatchObject({ stop_intent: null });
    await isFinal(running, end);
  });

  it.each([
    ['success', SUCCESS, { status: 'completed', reason: 'Succeeded' }],
    ['failure', FAILURE, { status: 'failed', reason: 'StepFailed' }],
    ['failure that may be tried again', EVICTION, { status: 'cancelled', reason: 'Cancelled' }],
    ['loss', LOSS, { status: 'cancelled', reason: 'ClusterLost' }],
  ])('start no other attempt when the cancel is written before the %s', async (_, end, expected) => {
    const running = await start();
    await leadTo(running, end);
    const answers = await inOrder(
      { table: 'builds', id: running.build },
      () => cancel(running),
      () => finish(running, end),
    );
    expect(answers).toEqual([{ kind: 'cancelling', status: 'cancelling' }, 'done']);
    expect(await world.build(running.build)).toMatchObject(expected);
    const intent = end.outcome === undefined ? 'UserCancel' : null;
    expect(await world.execution(running.id)).toMatchObject({ stop_intent: intent });
    await isFinal(running, end);
  });

  it('keep the outcome without an intent to stop when that is written first, and else both', async () => {
    for (const isCancelFirst of [false, true]) {
      const running = await start();
      const outcome = () => owner.fixOutcome(running.fence, running.id, fixedOutcome());
      const asked = () => cancel(running);
      await inOrder(
        { table: 'build_executions', id: running.id },
        isCancelFirst ? asked : outcome,
        isCancelFirst ? outcome : asked,
      );
      expect(await world.execution(running.id)).toMatchObject({
        outcome: 'succeeded',
        stop_intent: isCancelFirst ? 'UserCancel' : null,
      });
      expect(await world.build(running.build)).toMatchObject({ status: 'cancelling' });
      await seal(running, fixedOutcome());
      expect(await finish(running, SUCCESS)).toBe('done');
      expect(await world.build(running.build)).toMatchObject({ status: 'completed' });
      await isFinal(running, SUCCESS);
    }
  });

  it('end each build once, whoever wins', async () => {
    const ends = [SUCCESS, FAILURE, EVICTION, LOSS];
    const statuses = ['completed', 'failed', 'cancelled', 'cancelled'];
    for (let round = 0; round < ROUNDS; round += 1) {
      const end = ends[round % ends.length] ?? LOSS;
      const running = await start();
      const ending = leadTo(running, end).then(() => finish(running, end));
      // The cancel meets another one of its owner's writes each time.
      for (let trip = 0; trip < round / 4; trip += 1) await world.database.query('SELECT 1');
      await cancel(running);
      expect(await ending).toBe('done');
      expect(await world.build(running.build)).toMatchObject({ status: statuses[round % ends.length] });
      await isFinal(running, end);
    }
  });

  it('tell the user that it is being cancelled, and queue it again, when the cancel locks nothing', async () => {
    const unlocked = { of: 'FOR UPDATE OF e, b', without: 'FOR UPDATE OF e, b' };
    const hasty = new PostgresBuildQueue(weakened(world.database, unlocked));
    const running = await start();
    const [, cancelled] = await inOrder(
      { table: 'builds', id: running.build },
      () => finish(running, LOSS),
      () => cancel(running, hasty),
    );
    expect(cancelled).toEqual({ kind: 'cancelling', status: 'cancelling' });
    expect(await world.build(running.build)).toMatchObject({ status: 'queued' });
    await cancel(running);
  });
});
