import { eventually } from '@image-factory/test-support';
import { Database, Notifier, PostgresBuildQueue, PostgresExecutions } from '@image-factory/persistence';
import type { ClaimedExecution, ShardLease } from '@image-factory/persistence';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DatabaseProxy } from './dispatcher-database-proxy.js';
import { fixedOutcome } from './fixed-outcome.js';
import { DIGEST, QueueWorld } from './queue-world.js';

let world: QueueWorld;
let proxy: DatabaseProxy;
let dispatcherId: string;
let providerId: string;
let fence: ShardLease;

beforeAll(async () => {
  world = await QueueWorld.open();
  proxy = await DatabaseProxy.start(world.url);
  dispatcherId = await world.dispatcher();
  providerId = await world.provider();
  fence = await world.fence(dispatcherId, providerId);
});
afterEach(async () => {
  expect(await world.queue.reconcileCounters()).toEqual({ drift: [], projects: [], providers: [] });
});
afterAll(async () => {
  await world.close();
  await proxy.close();
});

async function claim(tenantId: string, count: number): Promise<ClaimedExecution[]> {
  for (let n = 0; n < count; n += 1) await world.submit(tenantId);
  const { claimed } = await world.queue.claim({ dispatcherId, limit: count });
  return [...claimed];
}

async function place(claimed: readonly ClaimedExecution[]): Promise<void> {
  await Promise.all(claimed.map((one) => world.queue.place(world.commit(one, dispatcherId, providerId))));
}

/** Sessions of this database that wait for a lock. */
async function waiters(): Promise<number> {
  const sql = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  return (await world.one<{ n: number }>(sql)).n;
}

describe('a row that somebody keeps locked', () => {
  it('holds up neither its mates nor those who come, and is written when it is free', async () => {
    const claimed = await claim(await world.tenant(40), 20);
    await place(claimed);
    const locked = claimed[7]?.executionId ?? '';
    const start = (id: string) => world.executions.markStarting(fence, id, { uid: id });
    let late: Promise<string> | undefined;
    await world.database.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM build_executions WHERE id = $1 FOR UPDATE', [locked]);
      const answers = claimed.map(({ executionId }) => start(executionId));
      late = answers.splice(7, 1)[0];
      expect(new Set(await Promise.all(answers))).toEqual(new Set(['done']));
      const [newcomer] = await claim(await world.tenant(), 1);
      await place(newcomer === undefined ? [] : [newcomer]);
      expect(await start(newcomer?.executionId ?? '')).toBe('done');
    });
    expect(await late).toBe('done');
  });

  it('that is a lane holds up what changes counters, and no outcome', async () => {
    const tenantId = await world.tenant(40);
    const claimed = await claim(tenantId, 3);
    await place(claimed);
    const [first = '', second = '', third = ''] = claimed.map(({ executionId }) => executionId);
    const over: Promise<string>[] = [];
    await world.database.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM lanes WHERE tenant_id = $1 FOR UPDATE', [tenantId]);
      for (const executionId of [first, second]) {
        over.push(world.executions.markPodsOver(fence, executionId));
        await eventually('it waits', async () => (await waiters()) === over.length);
      }
      expect(await world.executions.markStarting(fence, third, { uid: third })).toBe('done');
      expect(await waiters()).toBe(2);
    });
    expect(await Promise.all(over)).toEqual(['done', 'done']);
  });
});

describe('the tags of a batch', () => {
  async function promoting(count: number): Promise<ClaimedExecution[]> {
    const claimed = await claim(await world.tenant(40), count);
    await place(claimed);
    for (const { executionId } of claimed) {
      await world.executions.markStarting(fence, executionId, { uid: 'u' });
      await world.executions.fixOutcome(fence, executionId, fixedOutcome());
      await world.executions.markSealed(fence, executionId, {});
    }
    return claimed;
  }

  async function setTags({ buildId }: ClaimedExecution, tags: string[]): Promise<void> {
    await world.database.query('UPDATE builds SET tags = $2 WHERE id = $1', [buildId, tags]);
  }

  /** While somebody keeps tag `a`, the batch that wants `z` and then `a` waits for it without having locked `z`. */
  async function waitsInOrder(keep: string, taken: string, ask: () => Promise<unknown>): Promise<void> {
    let asked: Promise<unknown> | undefined;
    await world.database.transaction(async (tx) => {
      await tx.query(keep);
      asked = ask();
      await eventually('the batch waits', async () => (await waiters()) > 0 || undefined);
      await world.database.transaction((other) => other.query(taken), { settings: ['lock_timeout = 100'] });
    });
    await asked;
  }

  it('are locked in one order, those that are new and those that are there', async () => {
    const [first, second] = await promoting(2);
    if (first === undefined || second === undefined) throw new Error('too few');
    await setTags(first, ['z']);
    await setTags(second, ['a']);
    const each = <T>(ask: (id: string) => Promise<T>) => Promise.all([first.executionId, second.executionId].map(ask));
    const promote = () => each((id) => world.executions.markTagsPromoted(fence, id, DIGEST));
    const row = (tag: string) =>
      `INSERT INTO image_tags VALUES ('registry.example/app', '${tag}', gen_random_uuid(), 0, 'd', 'promoted')`;
    await waitsInOrder(row('a'), row('z'), promote);
    const lock = (tag: string) => `SELECT 1 FROM image_tags WHERE tag = '${tag}' FOR UPDATE`;
    await waitsInOrder(lock('a'), lock('z'), promote);
    const failed = { state: 'failed', reason: 'PublishFailed', message: '', retry: false } as const;
    await waitsInOrder(lock('a'), lock('z'), () => each((id) => world.executions.finish(fence, id, failed)));
  });

  it('that two of its builds want go to the newer one', async () => {
    const [older, newer] = await promoting(2);
    if (older === undefined || newer === undefined) throw new Error('too few');
    await setTags(older, ['both', 'only-older']);
    await setTags(newer, ['both', 'only-newer']);
    const answers = await Promise.all(
      [newer, older].map(({ executionId }) => world.executions.markTagsPromoted(fence, executionId, DIGEST)),
    );
    expect(answers).toEqual([['both', 'only-newer'], ['only-older']]);
  });
});

describe('a COMMIT whose answer is lost', () => {
  let database: Database;
  let queue: PostgresBuildQueue;
  let executions: PostgresExecutions;
  const heard: string[] = [];

  beforeAll(async () => {
    database = Database.create({ url: proxy.url, poolSize: 4, applicationName: 'lossy' });
    await database.connect();
    const notifier = new Notifier(world.database, { debounceMs: 1 });
    queue = new PostgresBuildQueue(database, notifier);
    executions = new PostgresExecutions(database, notifier);
    await world.database.listen(['if_queue', 'if_executions', 'if_events'], (channel, payload) =>
      heard.push(...payload.split(',').map((key) => `${channel}:${key}`)),
    );
  });
  afterAll(() => database.close());

  const isHeard = (channel: string, key: string) =>
    eventually(`${channel} is told of ${key}`, () => heard.includes(`${channel}:${key}`) || undefined);

  it('of a placement is answered as placed when it is asked again, and the shard’s owner is told', async () => {
    const [one] = await claim(await world.tenant(), 1);
    if (one === undefined) throw new Error('nothing claimed');
    const commit = world.commit(one, dispatcherId, providerId);
    proxy.loseCommitAnswers(1);
    await expect(queue.place(commit)).rejects.toMatchObject({ details: { commitUnknown: true } });
    expect(await queue.place(commit)).toEqual({ kind: 'placed' });
    await isHeard('if_executions', one.executionId);
    expect(await queue.place({ ...commit, claimToken: dispatcherId })).toEqual({ kind: 'claim-lost' });
  });

  it('of a claim that is taken back is answered as taken back, and the queue is told', async () => {
    const tenantId = await world.tenant();
    const [one] = await claim(tenantId, 1);
    if (one === undefined) throw new Error('nothing claimed');
    const { executionId } = one;
    const request = { executionId, dispatcherId, reason: 'BackOff' as const, message: 'later' };
    proxy.loseCommitAnswers(1);
    await expect(queue.release(request)).rejects.toMatchObject({ details: { commitUnknown: true } });
    expect(await queue.release(request)).toBe(true);
    await isHeard('if_queue', tenantId);
    expect(await queue.release({ ...request, reason: 'ClaimLost' })).toBe(false);
  });

  it('of an end is answered as done, once, and who waits for its slot is woken', async () => {
    const tenantId = await world.tenant();
    const [one, other] = await claim(tenantId, 2);
    if (one === undefined || other === undefined) throw new Error('nothing claimed');
    await place([one]);
    const parking = { reason: 'NoEligibleProvider' as const, message: '', wakeOn: `provider:${providerId}` };
    await world.queue.park({ executionId: other.executionId, dispatcherId, parking });
    heard.length = 0;
    proxy.loseCommitAnswers(1);
    const lost = { state: 'lost' as const, reason: 'ClusterLost' as const, message: '', retry: false };
    expect(await executions.finish(fence, one.executionId, lost)).toBe('done');
    expect(proxy.commitsLost).toBeGreaterThan(0);
    expect((await world.build(other.buildId)).parked).toBeNull();
    await isHeard('if_events', one.buildId);
    await isHeard('if_queue', tenantId);
    expect(await executions.finish(fence, one.executionId, lost)).toBe('state-moved');
    const ends = (await world.timeline(one.buildId)).filter((line) => line.endsWith('→lost'));
    expect(ends).toHaveLength(1);
  });

  it('of the end of pods wakes who waits for the slot', async () => {
    const tenantId = await world.tenant();
    const [one, other] = await claim(tenantId, 2);
    if (one === undefined || other === undefined) throw new Error('nothing claimed');
    await place([one]);
    await world.executions.markStarting(fence, one.executionId, { uid: 'u' });
    const parking = { reason: 'NoEligibleProvider' as const, message: '', wakeOn: `provider:${providerId}` };
    await world.queue.park({ executionId: other.executionId, dispatcherId, parking });
    proxy.loseCommitAnswers(1);
    expect(await executions.markPodsOver(fence, one.executionId)).toBe('done');
    expect((await world.build(other.buildId)).parked).toBeNull();
  });

  it('of a verdict is answered as done, and another verdict still is not', async () => {
    const [one] = await claim(await world.tenant(), 1);
    if (one === undefined) throw new Error('nothing claimed');
    await place([one]);
    await world.executions.markStarting(fence, one.executionId, { uid: 'u' });
    const verdict = fixedOutcome({ outcome: 'failed', reason: 'StepFailed', fault: 'user', imageDigest: undefined });
    proxy.loseCommitAnswers(1);
    expect(await executions.fixOutcome(fence, one.executionId, verdict)).toBe('done');
    expect(await executions.fixOutcome(fence, one.executionId, verdict)).toBe('state-moved');
  });
});
