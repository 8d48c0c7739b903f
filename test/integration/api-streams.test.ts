import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { line, PlacedAttempt } from './api-execution-support.ts';
import { ADMIN_KEY, ApiHarness, expectProblem } from './api-support.ts';

const KEEP_ALIVE_MS = 20;
/** The chunk of length 0 that ends an HTTP/1.1 answer. */
const ended = (text: string): boolean => text.endsWith('0\r\n\r\n');
const LIMITS = { keepAliveMs: KEEP_ALIVE_MS, maxMs: 60_000, maxPerKey: 3, maxPerTenant: 5, maxOpen: 6 };

describe('an event stream', () => {
  let harness: ApiHarness;
  let tenantId: string;
  let projectId: string;
  const sockets: Socket[] = [];
  const attempts: PlacedAttempt[] = [];

  beforeAll(async () => {
    harness = await ApiHarness.start({}, { streams: LIMITS });
    tenantId = await harness.createTenant();
    projectId = await harness.createProject(tenantId);
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    for (const attempt of attempts) await attempt.close();
    await harness.stop();
  });

  async function queuedBuild(): Promise<string> {
    return (await harness.submit(tenantId, projectId)).body.id;
  }

  /** Opens a stream on a socket of its own, without reading it. */
  async function open(
    path: string,
    options: { key?: string; api?: ApiHarness; tenant?: string } = {},
  ): Promise<Socket> {
    const { port } = new URL((options.api ?? harness).api.url);
    const socket = connect(Number(port), '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const headers = `authorization: Bearer ${options.key ?? ADMIN_KEY}\r\nx-tenant-id: ${options.tenant ?? tenantId}\r\n`;
    socket.write(`GET /api/v1/builds/${path} HTTP/1.1\r\nhost: x\r\n${headers}\r\n`);
    return socket;
  }

  /** What the server has sent when `until` holds, or when it has closed. */
  async function read(socket: Socket, until: (text: string) => boolean = () => false): Promise<string> {
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
    await expect.poll(() => until(text) || socket.readableEnded || socket.destroyed, { timeout: 10_000 }).toBe(true);
    return text;
  }

  const status = async (path: string, options: Parameters<typeof open>[1] = {}): Promise<number> =>
    Number((await read(await open(path, options), (text) => text.includes('\r\n'))).slice(9, 12));

  async function closeAll(): Promise<void> {
    for (const socket of sockets.splice(0)) socket.destroy();
    const id = await queuedBuild();
    await expect.poll(() => status(`${id}/events/stream`), { timeout: 10_000 }).toBe(200);
    for (const socket of sockets.splice(0)) socket.destroy();
  }

  it('sends comments while nothing happens, which keep proxies from closing it', async () => {
    const id = await queuedBuild();
    for (const path of [`${id}/events/stream`, `${id}/logs/stream`]) {
      const text = await read(await open(path), (sent) => sent.split(': keep-alive\n\n').length > 3);
      expect(text).toContain('content-type: text/event-stream');
      expect(text).toContain('x-accel-buffering: no');
    }
    await closeAll();
  });

  it('is bounded for a key, a tenant and all together, and a place that is left is free again', async () => {
    const path = `${await queuedBuild()}/events/stream`;
    const other = await harness.createKey('viewer', tenantId);
    for (let count = 0; count < LIMITS.maxPerKey; count += 1) expect(await status(path)).toBe(200);
    const refused = await harness.call('GET', `/api/v1/builds/${path}`, { tenantId });
    expectProblem(refused, 429, 'RateLimited');
    expect(refused.headers['retry-after']).toBe('10');
    expect(refused.body.detail).toContain('this key');
    for (let count = LIMITS.maxPerKey; count < LIMITS.maxPerTenant; count += 1)
      expect(await status(path, { key: other })).toBe(200);
    const full = await harness.call('GET', `/api/v1/builds/${path}`, { tenantId, key: other });
    expect(full.body.detail).toContain('this tenant');
    const tenant = await harness.createTenant();
    const next = await harness.submit(tenant, await harness.createProject(tenant));
    const nextPath = `${next.body.id}/events/stream`;
    const nextKey = await harness.createKey('viewer', tenant);
    for (let count = LIMITS.maxPerTenant; count < LIMITS.maxOpen; count += 1)
      expect(await status(nextPath, { key: nextKey, tenant })).toBe(200);
    const all = await harness.call('GET', `/api/v1/builds/${nextPath}`, { tenantId: tenant, key: nextKey });
    expect(all.body.detail).toContain('this server');
    await closeAll();
  });

  it('frees the place of a client that went while its request was looked at', async () => {
    const path = `${await queuedBuild()}/events/stream`;
    for (let round = 0; round < 20; round += 1) (await open(path)).destroy();
    await closeAll();
  });

  it('is closed without an end when its time is over, and goes on where it was', async () => {
    const own = await ApiHarness.start({}, { streams: { maxMs: 50 } });
    try {
      const tenant = await own.createTenant();
      const { body } = await own.submit(tenant, await own.createProject(tenant));
      const text = await read(await open(`${body.id}/events/stream`, { api: own, tenant }), ended);
      expect(text).toContain('event: build');
      expect(text).not.toContain('event: end');
    } finally {
      await own.stop();
    }
  });

  it('is cut off at its time when the client does not read, and gives its place away', async () => {
    const own = await ApiHarness.start({}, { streams: { maxMs: 400, maxPerKey: 1 } });
    try {
      const tenant = await own.createTenant();
      const { body } = await own.submit(tenant, await own.createProject(tenant));
      const attempt = await PlacedAttempt.place(own, body.id);
      attempts.push(attempt);
      const text = line('x'.repeat(200_000));
      for (let count = 0; count < 60; count += 1) await attempt.write({ task: 'b', step: 'b', ordinal: 1 }, text);
      const path = `${body.id}/logs/stream`;
      const stuck = await open(path, { api: own, tenant });
      await once(stuck, 'readable');
      expect(await status(path, { api: own, tenant })).toBe(429);
      // It never reads, and its place is free again: the server does not wait for it to take what is buffered.
      await expect.poll(() => status(path, { api: own, tenant }), { timeout: 10_000 }).toBe(200);
      expect(stuck.bytesRead).toBeLessThan(12_000_000);
    } finally {
      await own.stop();
    }
  });

  it.each([
    '999999:build/build:5',
    '1:other/step:5',
    '1:build/build:999999999999999',
    '1:build/build:2',
    '1:build/build:0+999999',
    '0:x:0',
    '-1:x:0',
    '1:build/build:1e9',
    '9999999999999999999',
    "1' OR '1'='1",
    '%0d%0aevent: end',
    'x'.repeat(8000),
  ])('survives the Last-Event-ID %.40s', async (lastEventId) => {
    const { body } = await harness.submit(tenantId, projectId);
    const attempt = await PlacedAttempt.place(harness, body.id);
    attempts.push(attempt);
    const step = { task: 'build', step: 'build', ordinal: 1 };
    await attempt.write(step, line('one'), line('two'));
    await attempt.endStep(step);
    await attempt.finish();
    for (const part of ['logs', 'events']) {
      const answer = await harness.call('GET', `/api/v1/builds/${body.id}/${part}/stream`, {
        tenantId,
        headers: { 'last-event-id': lastEventId },
      });
      expect(answer.status).toBe(200);
      expect(answer.text).toContain('event: end');
    }
  });
});
