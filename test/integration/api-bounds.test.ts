import { Database } from '@image-factory/persistence';
import { Metrics, startTelemetry } from '@image-factory/telemetry';
import { TestSignal } from '@image-factory/test-support';
import { afterEach, describe, expect, it } from 'vitest';
import { ApiHarness, expectProblem } from './api-support.ts';

describe('the API is bounded', () => {
  let harness: ApiHarness | undefined;
  afterEach(async () => {
    await harness?.stop();
    harness = undefined;
  });

  it('in how long a request waits for a database connection: then it gets 503 with Retry-After', async () => {
    const metrics = new Metrics();
    harness = await ApiHarness.start({ databasePoolSize: 2 }, { databaseWaitMs: 300, metrics });
    const database = harness.api.app.get(Database);
    const release = new TestSignal();
    const held = Array.from({ length: 2 }, async () => {
      const taken = new TestSignal();
      const work = database.transaction(async (tx) => {
        await tx.query('SELECT 1');
        taken.raise();
        await release.raised;
      });
      await taken.raised;
      return { work };
    });
    const holders = await Promise.all(held);
    const startedMs = performance.now();
    const refused = await Promise.all(Array.from({ length: 20 }, () => harness!.call('GET', '/api/v1/admin/tenants')));
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    for (const answer of refused) {
      expectProblem(answer, 503, 'DatabaseUnavailable');
      expect(answer.headers['retry-after']).toBe('1');
    }
    expect(metrics.view().counters.databaseErrors).toBeGreaterThanOrEqual(20);
    expect(database.connections()).toEqual({ used: 2, idle: 0, waiting: 0 });
    release.raise();
    await Promise.all(holders.map(({ work }) => work));
    expect((await harness.call('GET', '/api/v1/admin/tenants')).status).toBe(200);
  });

  it('in how many callers it remembers for their rate', async () => {
    harness = await ApiHarness.start({ rateLimitPerMinute: 10 }, { rateLimitCallers: 3 });
    const { app } = harness.api;
    const remaining = async (remoteAddress: string): Promise<number> => {
      const answer = await app.inject({ method: 'GET', url: '/api/v1/whoami', remoteAddress });
      expect(answer.statusCode).toBe(401);
      return Number(answer.headers['ratelimit-remaining']);
    };
    expect(await remaining('192.0.2.1')).toBe(9);
    expect(await remaining('192.0.2.1')).toBe(8);
    for (const last of [2, 3, 4]) await remaining(`192.0.2.${last}`);
    expect(await remaining('192.0.2.1')).toBe(9);
  });

  it('in the labels of its metrics, whatever is asked for', async () => {
    const telemetry = await startTelemetry({ service: 'test', version: '0' });
    try {
      harness = await ApiHarness.start({}, { metrics: new Metrics() });
      const tenantId = await harness.createTenant();
      for (let index = 0; index < 30; index += 1) {
        const id = `00000000-0000-7000-8000-${String(index).padStart(12, '0')}`;
        await harness.call('GET', `/api/v1/builds/${id}`, { tenantId });
        await harness.call('GET', `/not/${index}/there`);
        await harness.call('GET', `/api/v1/builds/${id}/x?y=${index}`, { tenantId });
        await harness.call('POST', `/api/v1/projects/${index}`, { tenantId, body: {} });
      }
      const text = await telemetry.metricsText();
      const routes = new Set(
        [...text.matchAll(/image_factory_http_requests_total\{.*?route="([^"]*)"/g)].map((m) => m[1]),
      );
      expect([...routes].sort()).toEqual(['/api/v1/admin/tenants', '/api/v1/builds/:id', 'none']);
      expect(text).toMatch(/image_factory_database_connections\{.*state="idle".*\} \d/);
    } finally {
      await telemetry.shutdown();
    }
  });
});

describe('a database', () => {
  it('ends a statement that takes too long', async () => {
    const harness = await ApiHarness.start();
    const options = { url: harness.database.url, poolSize: 1, applicationName: 'test', statementTimeoutMs: 100 };
    const database = Database.create(options);
    try {
      await database.connect();
      const slow = database.query('SELECT pg_sleep(30)');
      await expect(slow).rejects.toMatchObject({ reason: 'DatabaseUnavailable', retryAfterSeconds: 1 });
    } finally {
      await database.close();
      await harness.stop();
    }
  });

  it('refuses a caller at once when too many wait for a connection already', async () => {
    const harness = await ApiHarness.start();
    const database = Database.create({
      url: harness.database.url,
      poolSize: 1,
      applicationName: 'test',
      waitLimitMs: 60_000,
      maxWaiting: 2,
    });
    try {
      await database.connect();
      const release = new TestSignal();
      const holder = database.transaction(async (tx) => {
        await tx.query('SELECT 1');
        await release.raised;
      });
      await expect.poll(() => database.connections()?.used).toBe(1);
      const waiting = [database.query('SELECT 1'), database.transaction((tx) => tx.query('SELECT 1'))];
      await expect.poll(() => database.connections()?.waiting).toBe(2);
      for (const refused of [database.query('SELECT 1'), database.transaction((tx) => tx.query('SELECT 1'))])
        await expect(refused).rejects.toMatchObject({ reason: 'DatabaseUnavailable', retryAfterSeconds: 1 });
      release.raise();
      await holder;
      await Promise.all(waiting);
    } finally {
      await database.close();
      await harness.stop();
    }
  });
});
