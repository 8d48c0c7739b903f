import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { outcomeOf, resolveAccess } from '@image-factory/cluster-connectors';
import {
  eventually,
  FAKE_CLIENT_CERTIFICATE,
  FAKE_CLIENT_KEY,
  FAKE_SECOND_CLIENT_CERTIFICATE,
  FAKE_SECOND_CLIENT_KEY,
  type FakeClock,
  type FakeKubeApiServer,
} from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConnectorWorld, createSecret, failure, listPods } from './connector-world.ts';

const context = { fileRules: { allowedDirs: [], anyPath: true } };

let world: ConnectorWorld;
let server: FakeKubeApiServer;
let clock: FakeClock;
let directory: string;
const connect = (...request: Parameters<ConnectorWorld['connect']>) => world.connect(...request);
const byToken = (token?: string) => world.byToken(token);

beforeEach(async () => {
  world = await ConnectorWorld.start();
  ({ server, clock, directory } = world);
});

afterEach(() => world.close());

/** By a client certificate and its key in files, which a test writes anew. */
async function byCertificateFiles() {
  const paths = { cert_path: join(directory, 'c'), key_path: join(directory, 'k') };
  await writeFile(paths.cert_path, FAKE_CLIENT_CERTIFICATE);
  await writeFile(paths.key_path, FAKE_CLIENT_KEY);
  const fields = { endpoint: server.url, ca_cert: server.ca, ...paths };
  return { paths, connection: connect(await resolveAccess('client-cert', fields, context)) };
}

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

  it('keeps its socket over deletes that say their options', async () => {
    const connection = await byToken();
    for (let index = 0; index < 5; index += 1) {
      const { metadata } = server.store.create('pods', { metadata: { name: `pod-${index}`, namespace: 'builds' } });
      await connection.request({
        requestClass: 'stop',
        method: 'DELETE',
        path: `${listPods.path}/${metadata.name}`,
        body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: metadata.uid } },
      });
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
    const { connection, paths } = await byCertificateFiles();
    await connection.stream({ ...listPods, query: { watch: true, resourceVersion: '1000' } });
    await writeFile(paths.cert_path, FAKE_SECOND_CLIENT_CERTIFICATE);
    await writeFile(paths.key_path, FAKE_SECOND_CLIENT_KEY);
    await clock.advance(11_000);
    await connection.request(listPods);
    expect(server.requests.map((request) => request.user)).toEqual(['fake-client-1', 'fake-client-2']);
    expect(server.openWatches).toBe(1);
    await connection.close();
    await eventually('the old connection’s watch is over, too', () => server.openWatches === 0);
  });

  it('works again when a certificate that is no good is taken back', async () => {
    const { connection, paths } = await byCertificateFiles();
    await connection.request(listPods);
    await writeFile(paths.cert_path, FAKE_SECOND_CLIENT_CERTIFICATE);
    await clock.advance(11_000);
    expect(await failure(connection.request(listPods))).toMatchObject({ kind: 'Unavailable' });
    await writeFile(paths.cert_path, FAKE_CLIENT_CERTIFICATE);
    await clock.advance(11_000);
    await connection.request(listPods);
    expect(server.requests.map((request) => request.user)).toEqual(['fake-client-1', 'fake-client-1']);
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
