import { ClusterConnection, type PressureOptions, type RequestClass } from '@image-factory/cluster-connectors';
import { Secret } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { FAKE_CA, FakeClock, FakeKubeApiServer } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** The pressure over real HTTP; only its time is virtual. */
let server: FakeKubeApiServer;
let clock: FakeClock;
const open: ClusterConnection[] = [];

beforeEach(async () => {
  server = await FakeKubeApiServer.start({ namespaces: ['builds'] });
  clock = new FakeClock();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.close()));
  await server.close();
});

function connect(pressure: Partial<PressureOptions> = {}): ClusterConnection {
  const connection = new ClusterConnection({
    providerId: 'p',
    generation: 1,
    access: {
      server: server.url,
      ca: { kind: 'value', value: new Secret(FAKE_CA) },
      tlsServerName: undefined,
      identity: { kind: 'token', token: { kind: 'value', value: new Secret('fake-token') } },
    },
    egress: new EgressPolicy({ allow: ['127.0.0.1'] }),
    clock,
    pressure,
  });
  open.push(connection);
  return connection;
}

const PODS = '/api/v1/namespaces/builds/pods';

const ask = (connection: ClusterConnection, requestClass: RequestClass): Promise<unknown> =>
  connection.request({ requestClass, method: 'GET', path: PODS });

const LOG = `${PODS}/pod/log`;
const askForLog = (connection: ClusterConnection): Promise<unknown> =>
  connection.request({ requestClass: 'logs', method: 'GET', path: LOG });

const throttled = { kind: 'Unavailable', reason: 'ClusterThrottled', details: { outcome: 'notSent' } };

describe('a storm of 429 with Retry-After', () => {
  it('holds the class that was told, sends nothing of it meanwhile, and lets cancels pass', async () => {
    const connection = connect();
    server.fault({ path: PODS }, { kind: 'status', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 30 });
    await expect(ask(connection, 'create')).rejects.toMatchObject({ retryAfterSeconds: 30 });
    await expect(ask(connection, 'create')).rejects.toMatchObject({ ...throttled, retryAfterSeconds: 30 });
    expect(server.requests).toHaveLength(1);
    await ask(connection, 'stop');
    expect(server.requests).toHaveLength(2);
    await clock.advance(30_000);
    await ask(connection, 'create');
    expect(server.requests).toHaveLength(3);
    expect(connection.pressure.breaker).toBe('closed');
  });

  it.each(['stop', 'sweep', 'probe'] as const)(
    'holds requests of class %s for a minute at most',
    async (requestClass) => {
      const connection = connect();
      server.fault({ path: PODS }, { kind: 'status', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 3600 });
      await expect(ask(connection, requestClass)).rejects.toMatchObject({ retryAfterSeconds: 3600 });
      await expect(ask(connection, requestClass)).rejects.toMatchObject(throttled);
      await clock.advance(60_000);
      await ask(connection, requestClass);
      expect(server.requests).toHaveLength(2);
    },
  );

  it('halves the rate for each that is told, down to the floor, and good answers bring it back', async () => {
    const connection = connect({ floorPerSecond: 10, ceilingPerSecond: 100 });
    server.fault({ path: PODS }, { kind: 'status', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 1 }, 4);
    const rates: number[] = [];
    for (let index = 0; index < 4; index += 1) {
      await expect(ask(connection, 'status')).rejects.toMatchObject({ reason: 'ClusterThrottled' });
      rates.push(connection.pressure.ratePerSecond);
      await clock.advance(1_000);
    }
    expect(rates).toEqual([25, 12.5, 10, 10]);
    const work = Promise.all(Array.from({ length: 40 }, () => ask(connection, 'status')));
    for (let done = false; !done;) {
      await clock.advance(20);
      done = await Promise.race([
        work.then(() => true),
        new Promise<false>((resolve) => setTimeout(resolve, 1, false)),
      ]);
    }
    expect(connection.pressure.ratePerSecond).toBeGreaterThan(10);
  });
});

describe('a burst of 5xx', () => {
  it('opens the breaker: nothing is sent until the back-off is over, then one tries and closes it', async () => {
    const connection = connect({
      breaker: { failures: 3, stallMs: 3_000, reopen: { floorMs: 1_000, baseMs: 1_000, capMs: 1_000 } },
    });
    server.fault({ path: PODS }, { kind: 'status', status: 503 }, 3);
    for (let index = 0; index < 3; index += 1)
      await expect(ask(connection, 'create')).rejects.toMatchObject({ reason: 'ClusterUnavailable' });
    for (const requestClass of ['create', 'stop', 'status', 'logs'] as const) {
      await expect(ask(connection, requestClass)).rejects.toMatchObject({
        reason: 'ClusterUnavailable',
        details: { outcome: 'notSent' },
      });
    }
    expect(server.requests).toHaveLength(3);
    expect(connection.pressure).toMatchObject({ breaker: 'open', classes: { stop: { refused: 1 } } });
    await clock.advance(1_000);
    expect(connection.pressure.breaker).toBe('half_open');
    await ask(connection, 'stop');
    expect(connection.pressure.breaker).toBe('closed');
    expect(server.requests).toHaveLength(4);
  });

  it('does not open for what the server refuses, however often', async () => {
    const connection = connect();
    for (const status of [400, 403, 404, 409, 422]) {
      server.fault({ path: PODS }, { kind: 'status', status }, 3);
      for (let index = 0; index < 3; index += 1) await expect(ask(connection, 'create')).rejects.toThrow();
    }
    expect(connection.pressure).toMatchObject({ breaker: 'closed', ratePerSecond: 250 });
  });
});

describe('a node that gives no log', () => {
  it('keeps nothing else of its cluster away', async () => {
    const connection = connect();
    server.fault({ path: LOG }, { kind: 'status', status: 500 }, 6);
    for (let index = 0; index < 6; index += 1)
      await expect(askForLog(connection)).rejects.toMatchObject({ details: { outcome: 'unknown' } });
    await ask(connection, 'stop');
    await ask(connection, 'create');
    expect(connection.pressure).toMatchObject({ breaker: 'closed', ratePerSecond: 250 });
  });

  it('is not the one that tells whether the API server is back', async () => {
    const reopen = { floorMs: 1_000, baseMs: 1_000, capMs: 1_000 };
    const connection = connect({ breaker: { failures: 3, stallMs: 3_000, reopen } });
    server.fault({ path: PODS }, { kind: 'status', status: 503 }, 3);
    for (let index = 0; index < 3; index += 1) await expect(ask(connection, 'create')).rejects.toThrow();
    await clock.advance(1_000);
    expect(connection.pressure.breaker).toBe('half_open');
    await expect(askForLog(connection)).rejects.toMatchObject({ details: { outcome: 'notSent' } });
    await ask(connection, 'stop');
    expect(connection.pressure.breaker).toBe('closed');
  });
});
