import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClusterConnection, type ClusterAccess, outcomeOf, resolveAccess } from '@image-factory/cluster-connectors';
import { type DomainError, Secret } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import {
  eventually,
  FAKE_CLIENT_CERTIFICATE,
  FAKE_CLIENT_KEY,
  FAKE_OTHER_CA,
  FAKE_SECOND_CLIENT_CERTIFICATE,
  FAKE_SECOND_CLIENT_KEY,
  FakeClock,
  FakeKubeApiServer,
} from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const egress = new EgressPolicy({ allow: ['127.0.0.1'] });
const context = { fileRules: { allowedDirs: [], anyPath: true } };

let server: FakeKubeApiServer;
let clock: FakeClock;
let directory: string;
const open: ClusterConnection[] = [];

beforeEach(async () => {
  server = await FakeKubeApiServer.start({ namespaces: ['builds'] });
  clock = new FakeClock();
  directory = await mkdtemp(join(tmpdir(), 'connector-'));
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.close()));
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

function connect(
  access: ClusterAccess,
  more: { requestTimeoutMs?: number; connectTimeoutMs?: number } = {},
): ClusterConnection {
  const connection = new ClusterConnection({
    providerId: 'p',
    generation: 1,
    access,
    egress,
    clock,
    fileRules: { allowedDirs: [directory], anyPath: false },
    ...more,
  });
  open.push(connection);
  return connection;
}

async function byToken(token = 'fake-token'): Promise<ClusterConnection> {
  return connect(await resolveAccess('token', server.providerConfig(token), context));
}

async function failure(work: Promise<unknown>): Promise<DomainError> {
  return work.then(
    () => expect.unreachable('it did not fail'),
    (error: unknown) => error as DomainError,
  );
}

const listPods = { requestClass: 'status', method: 'GET', path: '/api/v1/namespaces/builds/pods' } as const;
const createSecret = {
  requestClass: 'create',
  method: 'POST',
  path: '/api/v1/namespaces/builds/secrets',
  body: { metadata: { name: 's' } },
} as const;

describe('sockets', () => {
  it('serves 70 requests at once over at most 16 connections', async () => {
    const connection = await byToken();
    await Promise.all(Array.from({ length: 70 }, () => connection.request(listPods)));
    expect(server.connectionsAccepted).toBeLessThanOrEqual(16);
    expect(server.requests).toHaveLength(70);
  });

  it('serves typed clients and raw requests over the same connection, one after the other', async () => {
    const connection = await byToken();
    for (let index = 0; index < 20; index += 1) {
      await connection.core.listNamespacedPod({ namespace: 'builds' });
      await connection.version.getCode();
      await connection.request(listPods);
    }
    expect(server.connectionsAccepted).toBeLessThanOrEqual(2);
  });

  it('answers requests while more watches are open than requests have connections', async () => {
    const connection = await byToken();
    const stop = new AbortController();
    for (let index = 0; index < 20; index += 1) {
      await connection.stream({ ...listPods, query: { watch: true, resourceVersion: '1000' }, signal: stop.signal });
    }
    await connection.request(listPods);
    expect(server.openWatches).toBe(20);
    stop.abort();
    await eventually('all watches are closed', () => server.openWatches === 0);
  });

  it('leaves no socket behind after close, with a watch open and a request under way', async () => {
    const connection = await byToken();
    await connection.stream({ ...listPods, query: { watch: true, resourceVersion: '1000' } });
    server.fault({ path: '/version' }, { kind: 'hang' });
    const hanging = failure(connection.request({ requestClass: 'status', method: 'GET', path: '/version' }));
    await eventually('the request is under way', () => server.seen({ path: '/version' }).length === 1);
    await connection.close();
    expect(outcomeOf(await hanging)).toBe('unknown');
    await eventually('every socket is closed', () => server.openConnections === 0);
    expect((await failure(connection.request(listPods))).details).toMatchObject({ outcome: 'notSent' });
  });

  it('leaks no socket over 200 connections that are made, used and dropped', async () => {
    for (let round = 0; round < 200; round += 1) {
      const connection = await byToken();
      await connection.request(listPods);
      await connection.close();
    }
    await eventually('every socket is closed', () => server.openConnections === 0);
    expect(server.connectionsAccepted).toBe(200);
  });

  it('aborts of a stream before it is read do not end the process', async () => {
    const connection = await byToken();
    const stop = new AbortController();
    const { body } = await connection.stream({
      ...listPods,
      query: { watch: true, resourceVersion: '1000' },
      signal: stop.signal,
    });
    stop.abort();
    await eventually('the body is destroyed', () => body.destroyed);
  });

  it('asks again once when an idle connection was closed under a read, and never for a write', async () => {
    const connection = await byToken();
    await connection.request(listPods);
    server.fault({ method: 'GET' }, { kind: 'drop' });
    expect((await connection.request(listPods)).status).toBe(200);
    server.fault({ method: 'POST' }, { kind: 'drop' });
    expect(outcomeOf(await failure(connection.request(createSecret)))).toBe('unknown');
    expect(server.seen({ method: 'POST' })).toHaveLength(1);
  });
});

describe('identities', () => {
  it('presents a client certificate', async () => {
    const fields = {
      endpoint: server.url,
      ca_cert: server.ca,
      client_cert: FAKE_CLIENT_CERTIFICATE,
      client_key: FAKE_CLIENT_KEY,
    };
    const connection = connect(await resolveAccess('client-cert', fields, context));
    await connection.request(listPods);
    expect(server.requests[0]?.user).toBe('fake-client-1');
  });

  it('uses a kubeconfig by token and by certificate', async () => {
    for (const identity of ['token', 'certificate'] as const) {
      const connection = connect(
        await resolveAccess('kubeconfig', { kubeconfig: server.kubeconfig(identity) }, context),
      );
      await connection.request(listPods);
    }
    expect(server.requests.map((request) => request.user)).toEqual(['fake-admin', 'fake-client-1']);
  });

  it('reads the in-cluster files anew as kubelet rotates them', async () => {
    await writeFile(join(directory, 'token'), 'fake-token\n');
    await writeFile(join(directory, 'ca.crt'), server.ca);
    const inCluster = { host: '127.0.0.1', port: server.port, directory };
    const connection = connect(await resolveAccess('in-cluster', {}, { ...context, inCluster }));
    await connection.request(listPods);
    server.tokens.set('second-token', 'fake-admin');
    await writeFile(join(directory, 'next'), 'second-token\n');
    await rename(join(directory, 'next'), join(directory, 'token'));
    await clock.advance(11_000);
    await connection.request(listPods);
    expect(server.requests.map((request) => request.token)).toEqual(['fake-token', 'second-token']);
  });

  it('answers a 401 with one more try after reading the token file again, with no error for the caller', async () => {
    await writeFile(join(directory, 'token'), 'fake-token');
    const fields = { endpoint: server.url, ca_cert: server.ca, token_path: join(directory, 'token') };
    const connection = connect(await resolveAccess('token', fields, context));
    await connection.request(listPods);
    server.tokens.delete('fake-token');
    server.tokens.set('second-token', 'fake-admin');
    await writeFile(join(directory, 'token'), 'second-token');
    await connection.request(listPods);
    expect(server.requests.map((request) => request.token)).toEqual(['fake-token', 'fake-token', 'second-token']);
  });

  it('rotates a token without dropping an open watch', async () => {
    await writeFile(join(directory, 'token'), 'fake-token');
    const fields = { endpoint: server.url, ca_cert: server.ca, token_path: join(directory, 'token') };
    const connection = connect(await resolveAccess('token', fields, context));
    const { body } = await connection.stream({ ...listPods, query: { watch: true, resourceVersion: '1000' } });
    server.tokens.clear();
    server.tokens.set('second-token', 'fake-admin');
    await writeFile(join(directory, 'token'), 'second-token');
    await connection.request(createSecret);
    expect(server.openWatches).toBe(1);
    expect(body.destroyed).toBe(false);
  });

  it('takes a rotated client certificate for new sockets and lets old streams end by themselves', async () => {
    const paths = { cert_path: join(directory, 'c'), key_path: join(directory, 'k') };
    await writeFile(paths.cert_path, FAKE_CLIENT_CERTIFICATE);
    await writeFile(paths.key_path, FAKE_CLIENT_KEY);
    const fields = { endpoint: server.url, ca_cert: server.ca, ...paths };
    const connection = connect(await resolveAccess('client-cert', fields, context));
    await connection.stream({ ...listPods, query: { watch: true, resourceVersion: '1000' } });
    await writeFile(paths.cert_path, FAKE_SECOND_CLIENT_CERTIFICATE);
    await writeFile(paths.key_path, FAKE_SECOND_CLIENT_KEY);
    await clock.advance(11_000);
    await connection.request(listPods);
    expect(server.requests.map((request) => request.user)).toEqual(['fake-client-1', 'fake-client-2']);
    expect(server.openWatches).toBe(1);
  });

  it('does not repeat a 401 of a token that cannot have changed', async () => {
    const connection = await byToken('wrong');
    const error = await failure(connection.request(listPods));
    expect(error).toMatchObject({
      kind: 'Unauthenticated',
      reason: 'ClusterUnauthorized',
      details: { status: 401, outcome: 'refused' },
    });
    expect(server.requests).toHaveLength(1);
  });

  it('reads no file outside the allowed directories, also through a link', async () => {
    const fields = { endpoint: server.url, ca_cert: server.ca, token_path: '/etc/hostname' };
    const connection = connect(await resolveAccess('token', fields, context));
    expect(await failure(connection.request(listPods))).toMatchObject({ reason: 'CredentialUnreadable' });
    expect(server.requests).toHaveLength(0);
  });
});

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
    const connection = new ClusterConnection({
      providerId: 'p',
      generation: 1,
      access: access(server.url),
      egress,
      pressure: { floorPerSecond: 0.01, ceilingPerSecond: 0.01 },
    });
    open.push(connection);
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
    const closed = new ClusterConnection({
      providerId: 'p',
      generation: 1,
      access: access(server.url),
      egress: new EgressPolicy({ allow: [] }),
    });
    open.push(closed);
    expect(await failure(closed.request(listPods))).toMatchObject({
      reason: 'EgressForbidden',
      details: { outcome: 'notSent' },
    });
    expect(server.connectionsAccepted).toBe(0);
  });
});
