import { createApi, type ApiOverrides, type RunningApi } from '@image-factory/api';
import type { LogRecord, LogStep } from '@image-factory/domain';
import { PostgresBuildLogs } from '@image-factory/persistence';
import { Metrics } from '@image-factory/telemetry';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { line, PlacedAttempt } from './api-execution-support.ts';
import { Follower } from './api-follower.ts';
import { ApiHarness, MemoryLogger, testEnv } from './api-support.ts';
import { DatabaseProxy } from './dispatcher-database-proxy.ts';

const STEPS: readonly LogStep[] = ['clone', 'build', 'push'].map((name, index) => ({
  task: name,
  step: name,
  ordinal: 100 * (index + 1),
}));

/** Random numbers from 0 to 1 that are the same in each run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
}

describe('a log that many follow', () => {
  let harness: ApiHarness;
  let tenantId: string;
  let projectId: string;
  const attempts: PlacedAttempt[] = [];
  const followers: Follower[] = [];
  const apis: RunningApi[] = [];

  beforeAll(async () => {
    harness = await ApiHarness.start();
    tenantId = await harness.createTenant();
    projectId = await harness.createProject(tenantId);
  });
  afterAll(async () => {
    for (const follower of followers) follower.close();
    for (const attempt of attempts) await attempt.close();
    for (const api of apis) await api.close();
    await harness.stop();
  });

  async function runningBuild(): Promise<{ path: string; attempt: PlacedAttempt; buildId: string }> {
    const { body } = await harness.submit(tenantId, projectId);
    const attempt = await PlacedAttempt.place(harness, body.id);
    attempts.push(attempt);
    return { path: `/builds/${body.id}/logs/stream`, attempt, buildId: body.id };
  }

  /** One more API process over the same database. */
  async function startApi(databaseUrl: string, overrides: ApiOverrides = {}): Promise<RunningApi> {
    const env = testEnv(databaseUrl, harness.directory);
    const api = await createApi(env, { logger: new MemoryLogger(), ...overrides });
    apis.push(api);
    await api.ready;
    return api;
  }

  async function follow(path: string, lastEventId?: string, apiUrl = harness.api.url): Promise<Follower> {
    const follower = await Follower.open({ apiUrl, path, tenantId, lastEventId });
    followers.push(follower);
    return follower;
  }

  const storedText = async (buildId: string): Promise<string> =>
    (await harness.call('GET', `/api/v1/builds/${buildId}/logs`, { tenantId })).text;

  it('is read once, however many follow it', async () => {
    const { path, attempt } = await runningBuild();
    await attempt.write(STEPS[0]!, line('first'));
    const crowd = await Promise.all(Array.from({ length: 40 }, () => follow(path)));
    await Promise.all(crowd.map((one) => one.sees(({ events }) => events.length === 1)));
    await attempt.write(STEPS[0]!, line('all are seated when they have this'));
    await Promise.all(crowd.map((one) => one.sees(({ events }) => events.length === 2)));
    const logs = harness.api.app.get(PostgresBuildLogs, { strict: false });
    const read = logs.read.bind(logs);
    let reads = 0;
    logs.read = (request) => {
      reads += 1;
      return read(request);
    };
    for (let count = 0; count < 10; count += 1) await attempt.write(STEPS[0]!, line(`line ${count}`));
    await Promise.all(crowd.map((one) => one.sees(({ events }) => events.length === 12)));
    logs.read = read;
    for (const one of crowd) expect(one.events).toEqual(crowd[0]!.events);
    // One look for each notification, and each may find another write under way; never one for each follower.
    expect(reads).toBeLessThan(30);
  });

  it('is told byte by byte exactly once to clients that come, go and come back at any time', async () => {
    const { path, attempt, buildId } = await runningBuild();
    const random = seeded(7);
    const wanted: string[] = [];
    const writing = (async () => {
      for (const [index, step] of STEPS.entries()) {
        for (let flush = 0; flush < 25; flush += 1) {
          const records: LogRecord[] = [];
          for (let count = 1 + Math.floor(random() * 5); count > 0; count -= 1) {
            const text = `${index}.${flush}.${count} ${'ü'.repeat(Math.floor(random() * 300))}`;
            records.push(line(text));
            wanted.push(text);
          }
          if (random() < 0.2)
            records.push({ kind: 'gap', time: '2026-01-01T12:00:02Z', reason: 'LogGap', message: `${index}.${flush}` });
          await attempt.write(step, ...records);
        }
        await attempt.endStep(step);
      }
      await attempt.finish();
    })();
    const clients = Array.from({ length: 12 }, async (_unused, index) => {
      const own = seeded(100 + index);
      const events: Follower['events'] = [];
      let lastId: string | undefined;
      for (;;) {
        const follower = await follow(path, lastId);
        const stay = 1 + Math.floor(own() * 60);
        await follower.sees((one) => one.hasEnded || one.events.length >= stay);
        const whole = follower.hasEnded;
        follower.close();
        await follower.closed;
        events.push(...follower.events);
        if (whole) return events;
        lastId = follower.lastId ?? lastId;
      }
    });
    await writing;
    const all = await Promise.all(clients);
    const complete = await follow(path);
    await complete.sees(({ hasEnded }) => hasEnded);
    for (const events of all) expect(events).toEqual(complete.events);
    expect(complete.text).toBe(wanted.map((text) => `${text}\n`).join(''));
    expect((await storedText(buildId)).replaceAll(/^\[image-factory: .*\]\n/gm, '')).toBe(complete.text);
  });

  it('is not held up by a client that does not read, which gets every byte when it does', async () => {
    const metrics = new Metrics();
    const api = await startApi(harness.database.url, { metrics, streams: { oneTailBytes: 300_000 } });
    const { path, attempt, buildId } = await runningBuild();
    await attempt.write(STEPS[0]!, line('first'));
    const [stuck, reader] = await Promise.all([follow(path, undefined, api.url), follow(path, undefined, api.url)]);
    for (const one of [stuck, reader]) await one.sees(({ events }) => events.length === 1);
    stuck.pause();
    // More than sockets hold on both sides, in lines.
    for (let count = 0; count < 120; count += 1) {
      await attempt.write(STEPS[0]!, line(`${count} ${'x'.repeat(100_000)}`));
      await reader.sees(({ events }) => events.length === count + 2);
    }
    expect(stuck.events.length).toBeLessThan(reader.events.length);
    await attempt.finish();
    await reader.sees(({ hasEnded }) => hasEnded);
    stuck.resume();
    await stuck.sees(({ hasEnded }) => hasEnded);
    expect(stuck.events).toEqual(reader.events);
    expect(stuck.text).toBe(await storedText(buildId));
    expect(metrics.view().counters.logFallBacks).toBeGreaterThan(0);
  });

  it('goes on at another process from the last id, when the one that told it has stopped', async () => {
    const first = await startApi(harness.database.url);
    const { path, attempt, buildId } = await runningBuild();
    await attempt.write(STEPS[0]!, line('one'), line('two'));
    const before = await follow(path, undefined, first.url);
    await before.sees(({ events }) => events.length === 2);
    await first.close();
    await before.closed;
    expect(before.hasEnded).toBe(false);
    await attempt.write(STEPS[0]!, line('written while nobody told it'));
    const after = await follow(path, before.lastId);
    await attempt.write(STEPS[0]!, line('and later'));
    await attempt.finish();
    await after.sees(({ hasEnded }) => hasEnded);
    expect(before.text + after.text).toBe(await storedText(buildId));
  });

  it('waits on an open stream while the database is away, and loses and repeats nothing', async () => {
    const proxy = await DatabaseProxy.start(harness.database.url);
    const api = await startApi(proxy.url);
    const { path, attempt, buildId } = await runningBuild();
    await attempt.write(STEPS[0]!, line('one'));
    const crowd = await Promise.all(Array.from({ length: 5 }, () => follow(path, undefined, api.url)));
    await Promise.all(crowd.map((one) => one.sees(({ events }) => events.length === 1)));
    proxy.cut();
    await attempt.write(STEPS[0]!, line('two'));
    await expect.poll(async () => (await fetch(`${api.url}/readyz`)).status, { timeout: 10_000 }).toBe(503);
    proxy.restore();
    await attempt.write(STEPS[0]!, line('three'));
    await attempt.finish();
    await Promise.all(crowd.map((one) => one.sees(({ hasEnded }) => hasEnded)));
    for (const one of crowd) expect(one.text).toBe(await storedText(buildId));
    await apis.pop()?.close();
    await proxy.close();
  });

  it('is not told any more to a key that is revoked while it follows; others are not touched', async () => {
    const api = await startApi(harness.database.url, { streams: { keyCheckMs: 50 } });
    const { path, attempt, buildId } = await runningBuild();
    const made = await harness.call('POST', '/api/v1/admin/api-keys', {
      body: { name: 'soon revoked', role: 'viewer', tenant_id: tenantId },
    });
    const options = { apiUrl: api.url, tenantId, key: made.body.key as string };
    const revoked = await Promise.all(
      [path, `/builds/${buildId}/events/stream`].map((one) => Follower.open({ ...options, path: one })),
    );
    const other = await follow(path, undefined, api.url);
    followers.push(...revoked);
    await attempt.write(STEPS[0]!, line('both see this'));
    await Promise.all([revoked[0]!, other].map((one) => one.sees(({ events }) => events.length === 1)));
    expect((await harness.call('DELETE', `/api/v1/admin/api-keys/${made.body.id}`)).status).toBeLessThan(300);
    await Promise.all(revoked.map((one) => one.closed));
    await attempt.write(STEPS[0]!, line('a secret of later'));
    await other.sees(({ events }) => events.length === 2);
    expect(revoked[0]!.text).toBe('both see this\n');
    await expect(Follower.open({ ...options, path })).rejects.toThrow('401');
  });

  it('ends for all of its followers when it is sealed', async () => {
    const { path, attempt } = await runningBuild();
    const crowd = await Promise.all(Array.from({ length: 5 }, () => follow(path)));
    await attempt.write(STEPS[0]!, line('one'));
    await attempt.endStep(STEPS[0]!);
    await attempt.finish('failed');
    await Promise.all(crowd.map((one) => one.closed));
    for (const one of crowd) {
      expect(one.events).toMatchObject([{ event: 'log' }, { event: 'end', data: { status: 'failed' } }]);
    }
  });
});
