import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { type ClusterAccess, outcomeOf } from '@image-factory/cluster-connectors';
import { Secret } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { systemClock } from '@image-factory/telemetry';
import { eventually, FAKE_OTHER_CA, type FakeKubeApiServer } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConnectorWorld, createSecret, failure, listPods } from './connector-world.ts';

let world: ConnectorWorld;
let server: FakeKubeApiServer;
const connect = (...request: Parameters<ConnectorWorld['connect']>) => world.connect(...request);
const byToken = (token?: string) => world.byToken(token);

beforeEach(async () => {
  world = await ConnectorWorld.start();
  ({ server } = world);
});

afterEach(() => world.close());

describe('the outcome of a failed request', () => {
  const access = (url: string): ClusterAccess => ({
    server: url,
    ca: { kind: 'value', value: new Secret(server.ca) },
    tlsServerName: undefined,
    identity: { kind: 'token', token: { kind: 'value', value: new Secret('fake-token') } },
  });

  it('is notSent when nothing listens', async () => {
    await server.stopListening();
    const error = await failure((await byToken()).request(createSecret));
    expect(error).toMatchObject({ reason: 'ClusterUnreachable', retryable: true, details: { outcome: 'notSent' } });
    await server.listen();
  });

  it('is notSent when the certificate is of another CA or another name', async () => {
    const otherCa = connect({ ...access(server.url), ca: { kind: 'value', value: new Secret(FAKE_OTHER_CA) } });
    const otherName = connect({ ...access(server.url), tlsServerName: 'other.test' });
    for (const connection of [otherCa, otherName]) {
      const error = await failure(connection.request(createSecret));
      expect(error).toMatchObject({ reason: 'ClusterTlsFailed', retryable: false, details: { outcome: 'notSent' } });
    }
    await connect({ ...access(server.url), tlsServerName: 'cluster.test' }).request(listPods);
  });

  it('is notSent when a host takes connections and never serves them', async () => {
    const sockets = new Set<Socket>();
    const hole: Server = createServer((socket) => sockets.add(socket));
    await new Promise<void>((resolve) => hole.listen(0, '127.0.0.1', resolve));
    const url = `https://127.0.0.1:${(hole.address() as AddressInfo).port}`;
    const error = await failure(connect(access(url), { connectTimeoutMs: 300 }).request(createSecret));
    expect(error).toMatchObject({ reason: 'ClusterUnreachable', details: { outcome: 'notSent' } });
    sockets.forEach((socket) => socket.destroy());
    await new Promise((resolve) => hole.close(resolve));
  });

  it('is notSent when the API server takes connections and does not serve them, and sent once it does', async () => {
    server.hangConnections(true);
    const connection = connect(access(server.url), { connectTimeoutMs: 300 });
    expect(outcomeOf(await failure(connection.request(createSecret)))).toBe('notSent');
    server.hangConnections(false);
    await connection.request(createSecret);
    expect(server.store.find('secrets', 'builds', 's')).toBeDefined();
  });

  it('is notSent when the time limit ends a request that still waited for its turn', async () => {
    const pressure = { floorPerSecond: 0.01, ceilingPerSecond: 0.01 };
    const connection = connect(access(server.url), { pressure, clock: systemClock });
    server.fault({ path: '/version' }, { kind: 'hang' });
    const first = failure(
      connection.request({ requestClass: 'status', method: 'GET', path: '/version', timeoutMs: 2_000 }),
    );
    await eventually('the first is under way', () => server.seen({ path: '/version' }).length === 1);
    const error = await failure(connection.request({ ...createSecret, timeoutMs: 100 }));
    expect(error).toMatchObject({ kind: 'DeadlineExceeded', details: { outcome: 'notSent' } });
    expect(outcomeOf(await first)).toBe('unknown');
  });

  it('is unknown when the server committed and the answer was lost', async () => {
    const connection = await byToken();
    server.fault({ method: 'POST' }, { kind: 'commitThenDrop' });
    expect(outcomeOf(await failure(connection.request(createSecret)))).toBe('unknown');
    expect(server.store.find('secrets', 'builds', 's')).toBeDefined();
    const again = await failure(connection.request(createSecret));
    expect(again).toMatchObject({ reason: 'ObjectAlreadyExists', details: { outcome: 'refused' } });
  });

  it('is unknown when the answer does not come in time', async () => {
    const connection = await byToken();
    server.fault({ method: 'POST' }, { kind: 'commitThenHang' });
    const error = await failure(connection.request({ ...createSecret, timeoutMs: 200 }));
    expect(error).toMatchObject({
      kind: 'DeadlineExceeded',
      reason: 'ClusterUnreachable',
      details: { outcome: 'unknown' },
    });
  });

  it('is refused with the wait that the server asks for when it sheds load', async () => {
    const connection = await byToken();
    server.fault({ method: 'POST' }, { kind: 'status', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 7 });
    const error = await failure(connection.request(createSecret));
    expect(error).toMatchObject({
      reason: 'ClusterThrottled',
      retryable: true,
      retryAfterSeconds: 7,
      details: { outcome: 'refused' },
    });
  });

  it('is refused, and stores nothing, when an admission webhook does not answer in time', async () => {
    const connection = await byToken();
    server.fault({ method: 'POST' }, { kind: 'webhookTimeout' });
    expect(await failure(connection.request(createSecret))).toMatchObject({
      reason: 'AdmissionTimeout',
      retryable: true,
      details: { outcome: 'refused' },
    });
    expect(server.store.find('secrets', 'builds', 's')).toBeUndefined();
    expect(connection.pressure.breaker).toBe('closed');
  });

  it('is Unauthorized from the moment at which its token expires, on a connection that is open', async () => {
    const connection = await byToken();
    await connection.request(createSecret);
    server.expireToken('fake-token');
    expect(await failure(connection.request(createSecret))).toMatchObject({ reason: 'ClusterUnauthorized' });
  });

  it('is an error of the same kind from a typed client', async () => {
    const connection = await byToken();
    const error = await failure(connection.core.readNamespacedPod({ namespace: 'builds', name: 'none' }));
    expect(error).toMatchObject({
      name: 'DomainError',
      kind: 'NotFound',
      reason: 'ObjectNotFound',
      details: { kubeName: 'none', outcome: 'refused' },
    });
  });

  it('says that Tekton is missing when its resources are unknown', async () => {
    server.tekton = false;
    const error = await failure(
      (await byToken()).request({ requestClass: 'status', method: 'GET', path: '/apis/tekton.dev/v1/pipelineruns' }),
    );
    expect(error).toMatchObject({ reason: 'TektonNotInstalled' });
  });

  it('carries neither the token nor the body, whatever the server says', async () => {
    const connection = await byToken();
    server.fault({ method: 'POST' }, { kind: 'status', status: 400, reason: 'BadRequest', message: 'echo fake-token' });
    const error = await failure(connection.request(createSecret));
    expect(error.message).not.toContain('echo');
    expect(JSON.stringify(error.details)).not.toContain('fake-token');
  });

  it('reaches no loopback address that is not allow-listed', async () => {
    const closed = connect(access(server.url), { egress: new EgressPolicy({ allow: [] }) });
    expect(await failure(closed.request(listPods))).toMatchObject({
      reason: 'EgressForbidden',
      details: { outcome: 'notSent' },
    });
    expect(server.connectionsAccepted).toBe(0);
  });
});
