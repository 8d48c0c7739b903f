import { Database } from '@image-factory/persistence';
import { eventually, TestSignal, type FakeRun } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DatabaseProxy } from './dispatcher-database-proxy.js';
import { DispatcherHarness, LEASE_MS } from './dispatcher-harness.js';

let harness: DispatcherHarness;
let proxy: DatabaseProxy;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
  proxy = await DatabaseProxy.start(harness.test.url);
});
afterEach(async () => {
  proxy.restore();
  await harness.close();
  await proxy.close();
});

async function runOf(buildId: string): Promise<FakeRun> {
  return eventually('its run is there', () => harness.cluster.runOfBuild(buildId), { deadlineMs: 20_000 });
}

/** Waits until so much time has really passed, by the database's clock. */
async function passTime(ms: number): Promise<void> {
  const [mark] = await harness.database.query<{ at: Date }>('SELECT clock_timestamp() AS at');
  await eventually('time passes', async () => {
    const [row] = await harness.database.query<{ over: boolean }>(
      `SELECT clock_timestamp() > $1::timestamptz + $2::integer * interval '1 millisecond' AS over`,
      [mark?.at, ms],
    );
    return row?.over;
  });
}

describe('a database that is away', () => {
  it('at the start is waited for, while livez answers', async () => {
    proxy.cut();
    const dispatcher = await harness.create({}, { databaseUrl: proxy.url }, { http: true });
    const started = dispatcher.start();
    const livez = await eventually('livez answers', async () => {
      if (dispatcher.port === undefined) return undefined;
      return fetch(`http://127.0.0.1:${dispatcher.port}/livez`);
    });
    expect(livez.status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${dispatcher.port}/readyz`)).status).toBe(503);
    proxy.restore();
    await started;
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed');
  });

  it('for longer than the lease loses no build, no byte of log, and doubles nothing', async () => {
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
    await harness.start({}, { databaseUrl: proxy.url });
    const buildId = await harness.submit();
    const run = await runOf(buildId);
    harness.cluster.startRun(run);
    harness.cluster.print(run, 0, 'before');
    const execution = await harness.inState(buildId, 'running');
    proxy.cut();
    for (let line = 0; line < 300; line += 1) harness.cluster.print(run, 0, `during ${line}`);
    await passTime(LEASE_MS * 1.5);
    harness.cluster.print(run, 0, 'after');
    harness.cluster.endRun(run);
    proxy.restore();
    await harness.reaches(buildId, 'completed', 30_000);
    const log = await harness.storedLog(execution.id, 'clone', 'clone');
    expect(log).toEqual({ bytes: harness.cluster.printed(run, 0), gaps: [] });
    expect(harness.cluster.created).toHaveLength(1);
    expect((await harness.build(buildId)).attempt).toBe(1);
  });

  it('lets nobody adopt and no clock fire until a lease has been held for a full period', async () => {
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
    const dispatcher = await harness.start({}, { databaseUrl: proxy.url });
    const buildId = await harness.submit({ buildTimeoutMinutes: 1 });
    const run = await runOf(buildId);
    harness.cluster.startRun(run);
    await harness.inState(buildId, 'running');
    await eventually('the judge is settled', () => dispatcher.runtime?.judge.isSettled());
    proxy.cut();
    await eventually('the judge is not', () => dispatcher.runtime?.judge.isSettled() === false);
    await harness.database.query(`UPDATE build_executions SET run_since = now() - interval '3 minutes'`);
    run.firstStepStartedAt = new Date(Date.now() - 120_000);
    const restoredAtMs = performance.now();
    const stoppedAfterMs: number[] = [];
    harness.cluster.beforeStop = () => Promise.resolve(void stoppedAfterMs.push(performance.now() - restoredAtMs));
    proxy.restore();
    expect(await harness.reaches(buildId, 'failed')).toMatchObject({ reason: 'RunTimeout' });
    expect(stoppedAfterMs).toHaveLength(1);
    expect(stoppedAfterMs[0]).toBeGreaterThanOrEqual(LEASE_MS);
  });
});

describe('a database that falls silent', () => {
  it('is taken for unreachable once its answers are overdue, a COMMIT’s as unknown, and asked anew', async () => {
    const database = Database.create({ url: proxy.url, poolSize: 1, applicationName: 'test', statementTimeoutMs: 500 });
    await database.connect();
    const overdue = { reason: 'DatabaseUnavailable', retryable: true };
    proxy.freeze();
    await expect(database.query('SELECT 1')).rejects.toMatchObject(overdue);
    proxy.restore();
    const commit = database.transaction(async (tx) => {
      await tx.query('SELECT 1');
      proxy.freeze();
    });
    await expect(commit).rejects.toMatchObject({ details: { commitUnknown: true } });
    proxy.restore();
    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await database.close();
  });
});

describe('a process that is frozen in a transaction', () => {
  it('holds its locks for as long as it was given and no longer, and its transaction fails', async () => {
    const options = { url: harness.test.url, poolSize: 1, applicationName: 'test' };
    const database = Database.create({ ...options, idleTransactionTimeoutMs: 300 });
    await database.connect();
    const frozen = new TestSignal();
    const woken = new TestSignal();
    const late = database.transaction(async (tx) => {
      await tx.query('SELECT FROM providers FOR UPDATE');
      frozen.raise();
      await woken.raised;
      await tx.query('UPDATE providers SET is_default = true');
    });
    await frozen.raised;
    const fromMs = performance.now();
    await harness.database.query('UPDATE providers SET is_default = false');
    // The default would be ten seconds.
    expect(performance.now() - fromMs).toBeLessThan(8_000);
    woken.raise();
    await expect(late).rejects.toMatchObject({ reason: 'DatabaseUnavailable' });
    await database.close();
  });
});

describe('a database that gives no connection to listen on', () => {
  it('is polled', async () => {
    proxy.refuseListeners();
    await harness.start({}, { databaseUrl: proxy.url });
    await harness.reaches(await harness.submit(), 'completed');
  });
});

describe('a process that may not act on the database’s time yet', () => {
  it('ends no wait in the queue, gives back no claim and drops no log', async () => {
    await harness.database.query(`UPDATE providers SET state = 'cordoned'`);
    const buildId = await harness.submit({ queueTimeoutMinutes: 1 });
    const dead = '00000000-0000-4000-8000-000000000000';
    const claimed = await harness.submit();
    await harness.database.query(`UPDATE builds SET priority = 1, queue_key = 0 WHERE id = $1`, [claimed]);
    await harness.queue.claim({ dispatcherId: dead, limit: 1 });
    await harness.database.query(`UPDATE builds SET queued_at = now() - interval '1 day' WHERE id = $1`, [buildId]);
    await harness.database.query(
      `CREATE TABLE build_log_chunks_20200101 PARTITION OF build_log_chunks FOR VALUES FROM ('2020-01-01') TO ('2020-01-02')`,
    );
    const unsettled = await harness.start({}, { leaseMs: 60_000 });
    await eventually('it has its lease', () => unsettled.runtime?.lease.mayWrite());
    for (const task of unsettled.tasks) await task.tick();
    // It may be claimed for a moment, and is parked again: its provider takes nothing.
    await eventually('it waits', async () => (await harness.build(buildId)).status === 'queued');
    expect((await harness.build(claimed)).status).toBe('running');
    expect(await oldPartitions()).toBe(1);
    await unsettled.stop();
    const settled = await harness.start();
    await eventually('it may', () => settled.runtime?.judge.isSettled());
    for (const task of settled.tasks) await task.tick();
    expect(await harness.build(buildId)).toMatchObject({ status: 'failed', reason: 'QueueTimeout' });
    await eventually('its claim is given back', async () => (await harness.build(claimed)).status === 'queued');
    expect(await oldPartitions()).toBe(0);
  });
});

async function oldPartitions(): Promise<number> {
  const rows = await harness.database.query(`SELECT 1 FROM pg_class WHERE relname = 'build_log_chunks_20200101'`);
  return rows.length;
}

describe('a COMMIT whose answer is lost', () => {
  it.each([1, 2, 4, 7])('%i times in a row changes nothing for the builds', async (count) => {
    await harness.start({}, { databaseUrl: proxy.url });
    const builds = [await harness.submit()];
    proxy.loseCommitAnswers(count);
    builds.push(await harness.submit(), await harness.submit());
    for (const buildId of builds) await harness.reaches(buildId, 'completed', 40_000);
    expect(proxy.commitsLost).toBeGreaterThan(0);
    expect(new Set(harness.cluster.created).size).toBe(harness.cluster.created.length);
    expect(harness.cluster.created).toHaveLength(3);
    for (const buildId of builds) {
      const { id } = await harness.execution(buildId);
      expect((await harness.storedLog(id, 'build', 'build')).bytes.toString()).toBe('STEP 1\nSTEP 2\npushed\n');
    }
    expect(await harness.counters()).toEqual({ lane: 0, provider: 0 });
  });

  it('of a claim gives the build back, behind a heartbeat that is alive', async () => {
    const dispatcher = await harness.start({}, { databaseUrl: proxy.url });
    await eventually('it is registered', () => dispatcher.runtime?.lease.dispatcherId);
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed');
    const dispatcherId = dispatcher.runtime!.lease.dispatcherId!;
    await dispatcher.runtime!.loops.dispatch.stop();
    const lost = await harness.submit();
    await harness.queue.claim({ dispatcherId, limit: 1 });
    await eventually('it is queued again', async () => (await harness.build(lost)).status === 'queued');
    await harness.start();
    await harness.reaches(lost, 'completed');
    expect(await harness.build(lost)).toMatchObject({ attempt: 1 });
  });

  it('of a claim leaves the build with a dispatcher that does not know of it, when rows are not compared', async () => {
    const dispatcher = await harness.start();
    await eventually('it is registered', () => dispatcher.runtime?.lease.dispatcherId);
    const { stores } = dispatcher.runtime!.parts;
    let looks = 0;
    Object.assign(stores.ownership, { claimsOf: () => Promise.resolve(((looks += 1), [])) });
    await dispatcher.runtime!.loops.dispatch.stop();
    const lost = await harness.submit();
    await harness.queue.claim({ dispatcherId: dispatcher.runtime!.lease.dispatcherId!, limit: 1 });
    const before = looks;
    await eventually('it was looked for', () => looks > before + 2);
    expect(await harness.build(lost)).toMatchObject({ status: 'running', attempt: 1 });
  });
});

describe('the log store', () => {
  it('that refuses writes makes followers wait, and nothing is lost when it takes them again', async () => {
    await harness.database.query('ALTER TABLE build_log_chunks ADD CONSTRAINT full_disk CHECK (false) NOT VALID');
    await harness.start();
    const buildId = await harness.submit();
    const execution = await harness.inState(buildId, 'sealing');
    await passTime(500);
    expect((await harness.execution(buildId)).state).toBe('sealing');
    await harness.database.query('ALTER TABLE build_log_chunks DROP CONSTRAINT full_disk');
    await harness.reaches(buildId, 'completed');
    expect((await harness.storedLog(execution.id, 'build', 'build')).bytes.toString()).toBe('STEP 1\nSTEP 2\npushed\n');
  });

  it('with a full disk keeps the build waiting for its log, and says what is missing at the seal limit', async () => {
    await harness.database.query(
      `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`,
    );
    await harness.database.query(
      'CREATE TRIGGER full_disk BEFORE INSERT ON build_log_chunks FOR EACH ROW EXECUTE FUNCTION full_disk()',
    );
    await harness.start({ limits: { ...harness.limits, sealLimitMs: 2_500 } });
    const buildId = await harness.submit();
    const { id } = await harness.inState(buildId, 'sealing');
    await passTime(1_000);
    expect(await harness.execution(buildId)).toMatchObject({ state: 'sealing', slot_held: false, log_gap: null });
    await harness.reaches(buildId, 'completed');
    expect((await harness.execution(buildId)).log_gap).toMatch(/could not be read to its end within the seal limit/);
    expect((await harness.storedLog(id, 'build', 'build')).bytes.length).toBe(0);
  });

  it('takes a log past its limit with a marker, and the build goes on to its end', async () => {
    harness.cluster.defaultScript = {
      pace: 'auto',
      exitCode: 0,
      steps: [{ task: 'build', step: 'build', lines: Array.from({ length: 2_000 }, (_, line) => `line ${line}`) }],
    };
    await harness.start({ logLimitBytes: 5_000 });
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed');
    const { id } = await harness.execution(buildId);
    const log = await harness.storedLog(id, 'build', 'build');
    expect(log.gaps).toEqual(['LogTruncated']);
    expect(log.bytes.length).toBeGreaterThan(4_000);
    expect(log.bytes.length).toBeLessThanOrEqual(5_000);
    expect((await harness.storedLog(id, 'image-factory', 'end')).bytes.length).toBeGreaterThan(0);
  });
});

describe('a database that has failed over', () => {
  const isQueued = async (buildId: string): Promise<boolean> => (await harness.build(buildId)).status === 'queued';

  it('stops claims, also those of processes that have not noticed, until the clusters were compared with it', async () => {
    const dispatcher = await harness.start({ periodicScale: 0.02 });
    await eventually('it works', () => dispatcher.runtime?.lease.mayWrite());
    await dispatcher.runtime!.loops.dispatch.stop();
    const buildId = await harness.submit();
    harness.cluster.reachable = false;
    await failOver();
    const unaware = await harness.queue.claim({ dispatcherId: harness.tenantId, limit: 1 });
    expect(unaware).toMatchObject({ claimed: [] });
    await eventually('it knows', () => dispatcher.runtime?.lease.claimsHeld);
    const started = await harness.start({ periodicScale: 0.02 });
    await eventually('the new one is settled', () => started.runtime?.judge.isSettled(), { deadlineMs: 20_000 });
    expect(started.runtime?.lease.claimsHeld).toBe(true);
    expect(await isQueued(buildId)).toBe(true);
    harness.cluster.reachable = true;
    await harness.reaches(buildId, 'completed');
    expect(started.runtime?.lease.claimsHeld).toBe(false);
  });

  it('is trusted without a cluster that no dispatcher has reached until the loss deadline, and not before', async () => {
    const down = await harness.addProvider('cluster-2');
    down.cluster.reachable = false;
    await failOver();
    let hasOther = true;
    const settings = { periodicScale: 0.02, watchStaleMs: 200 };
    const first = await harness.start(settings, {}, { reaches: () => !hasOther });
    await harness.start(settings, {}, { reaches: () => hasOther, reachesAlways: true });
    const buildId = await harness.submit();
    const lostSince = (hours: number) =>
      harness.database.query(
        `UPDATE providers SET first_loss_at = clock_timestamp() - $2::integer * interval '1 hour' WHERE id = $1`,
        [down.id, hours],
      );
    await lostSince(1);
    await eventually('it is settled', () => first.runtime?.judge.isSettled(), { deadlineMs: 20_000 });
    await passTime(LEASE_MS);
    expect(await isQueued(buildId)).toBe(true);
    await lostSince(-1);
    hasOther = false;
    await eventually('both report it', async () => {
      const live = await first.runtime!.parts.stores.ownership.liveDispatchers();
      return live.length === 2 && live.every(({ unreachableProviders }) => unreachableProviders.includes(down.id));
    });
    await passTime(LEASE_MS);
    expect(await isQueued(buildId)).toBe(true);
    await lostSince(1);
    await harness.reaches(buildId, 'completed');
  });

  it('is not trusted by a process that has no shard to compare', async () => {
    await failOver();
    harness.cluster.reachable = false;
    const first = await harness.start({ periodicScale: 0.02 });
    await eventually('it has the shards', () => first.runtime?.followers.leases.length === 8);
    await first.runtime!.loops.ownership.stop();
    const second = await harness.start({ periodicScale: 0.02 });
    await eventually('the other is settled', () => second.runtime?.judge.isSettled(), { deadlineMs: 20_000 });
    for (const task of second.tasks) if (task.definition.name === 'sweep-runs') await task.tick();
    expect(second.runtime?.followers.leases).toEqual([]);
    await second.runtime!.lease.beat();
    expect(second.runtime?.lease.claimsHeld).toBe(true);
  });

  it('and back to an older primary, whose rows do not know of it, is compared all the same', async () => {
    const dispatcher = await harness.start({ periodicScale: 500 });
    await eventually('it works', () => dispatcher.runtime?.lease.mayWrite());
    const runtime = dispatcher.runtime!;
    const { trust } = runtime.parts.stores;
    const found = await trust.look();
    await eventually('it holds the shards', () => runtime.followers.leases.length === 8);
    await trust.markCompared(found.identity, runtime.followers.leases);
    Object.assign(trust, { look: () => Promise.resolve({ ...found, identity: `${found.identity}-newer` }) });
    await eventually('claims are held', () => runtime.lease.claimsHeld);
    Reflect.deleteProperty(trust, 'look');
    await runtime.lease.beat();
    await runtime.lease.beat();
    expect(await trust.trustCompared(found.identity, [])).toBe(false);
    expect(runtime.lease.claimsHeld).toBe(true);
    await eventually('it is settled', () => runtime.judge.isSettled(), { deadlineMs: 20_000 });
    for (const task of dispatcher.tasks) if (task.definition.name === 'sweep-runs') await task.tick();
    await harness.reaches(await harness.submit(), 'completed');
  });

  it('stays trusted when a process comes back that was cut off meanwhile, unless nobody has compared it', async () => {
    const dispatcher = await harness.start({ periodicScale: 500 });
    await eventually('it works', () => dispatcher.runtime?.lease.mayWrite());
    const { lease, parts, loops } = dispatcher.runtime!;
    await loops.heartbeat.stop();
    const { trust } = parts.stores;
    const found = await trust.look();
    const [system] = found.identity.split('/');
    const comeBack = async (): Promise<void> => {
      const older = { ...found, identity: `${system}/00000000`, isTrusted: false };
      Object.assign(trust, { look: () => Promise.resolve(older) });
      await lease.beat();
      Reflect.deleteProperty(trust, 'look');
      expect(lease.claimsHeld).toBe(true);
      await lease.beat();
    };
    await comeBack();
    expect(lease.claimsHeld).toBe(false);
    expect((await trust.look()).isTrusted).toBe(true);
    await harness.database.query('UPDATE installation SET database_identity = NULL');
    await comeBack();
    expect(lease.claimsHeld).toBe(true);
    expect((await trust.look()).isTrusted).toBe(false);
  });
});

/** From the rows' point of view: they were written by another database than the one that answers now. */
async function failOver(): Promise<void> {
  await harness.database.query(`UPDATE installation SET database_identity = 'older/00000000'`);
}
