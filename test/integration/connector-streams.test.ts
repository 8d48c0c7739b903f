import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type ClusterConnection, resolveAccess } from '@image-factory/cluster-connectors';
import {
  eventually,
  FAKE_CLIENT_CERTIFICATE,
  FAKE_CLIENT_KEY,
  FAKE_SECOND_CLIENT_CERTIFICATE,
  FAKE_SECOND_CLIENT_KEY,
  type FakeKubeApiServerOptions,
} from '@image-factory/test-support';
import { afterEach, describe, expect, it } from 'vitest';
import { ConnectorWorld, createSecret, listPods, nextChunk as next } from './connector-world.ts';

const context = { fileRules: { allowedDirs: [], anyPath: true } };
const NAMESPACE = 'builds';
let world: ConnectorWorld;

afterEach(() => world.close());

async function start(options: FakeKubeApiServerOptions = {}): Promise<ClusterConnection> {
  world = await ConnectorWorld.start(options);
  world.server.store.create('pods', { metadata: { name: 'pod', namespace: NAMESPACE } });
  return world.byToken();
}

/** The log of a container, followed; bytes are read when the test reads them. */
async function follow(connection: ClusterConnection, container: string, signal?: AbortSignal): Promise<Readable> {
  const { body } = await connection.stream({
    requestClass: 'logs',
    method: 'GET',
    path: `/api/v1/namespaces/${NAMESPACE}/pods/pod/log`,
    query: { container, follow: true },
    ...(signal === undefined ? {} : { signal }),
  });
  return body;
}

function followMany(connection: ClusterConnection, count: number): Promise<Readable[]> {
  return Promise.all(Array.from({ length: count }, (_unused, index) => follow(connection, `step-${index}`)));
}

function print(container: string, text: string): void {
  world.server.logs.append(NAMESPACE, 'pod', container, text);
}

const versions = (): string[] => world.server.requests.map(({ httpVersion }) => httpVersion);

describe('requests, watches and logs', () => {
  it('share one connection when the API server speaks HTTP/2', async () => {
    const connection = await start();
    await Promise.all(Array.from({ length: 30 }, () => connection.request(listPods)));
    await followMany(connection, 30);
    await connection.stream({ ...listPods, query: { watch: true, resourceVersion: '1000' } });
    await connection.request(createSecret);
    expect(world.server.connectionsAccepted).toBe(1);
    expect(new Set(versions())).toEqual(new Set(['2.0']));
  });

  it.each([{ http2: false }, { tls: false }])('have a connection each when it speaks HTTP/1.1: %j', async (options) => {
    const connection = await start(options);
    const bodies = await followMany(connection, 5);
    expect(new Set(versions())).toEqual(new Set(['1.1']));
    expect(world.server.connectionsAccepted).toBe(5);
    print('step-4', 'a line');
    expect(await next(bodies[4] as Readable)).toBe('a line\n');
  });

  it('open another connection when one takes no more streams', async () => {
    const connection = await start({ maxStreams: 5 });
    const bodies = await followMany(connection, 12);
    expect(world.server.openConnections).toBe(3);
    for (const index of bodies.keys()) print(`step-${index}`, `line ${index}`);
    expect(await Promise.all(bodies.map(next))).toEqual(bodies.map((_body, index) => `line ${index}\n`));
  });

  it('of more than a hundred steps are all followed at once', async () => {
    const connection = await start();
    const bodies = await followMany(connection, 130);
    expect(world.server.openConnections).toBe(2);
    print('step-129', 'a line');
    expect(await next(bodies[129] as Readable)).toBe('a line\n');
  });

  it('go on while others of their connection are not read, however much comes for those', async () => {
    const connection = await start();
    const bodies = await followMany(connection, 21);
    const line = 'x'.repeat(1_000_000);
    for (let index = 0; index < 20; index += 1) print(`step-${index}`, line);
    for (let count = 0; count < 10; count += 1) {
      print('step-20', `line ${count}`);
      expect(await next(bodies[20] as Readable)).toBe(`line ${count}\n`);
    }
    print('step-20', line);
    let read = 0;
    while (read < line.length + 1) read += (await next(bodies[20] as Readable)).length;
    expect(world.server.openConnections).toBe(1);
    let late = 0;
    while (late < line.length + 1) late += (await next(bodies[0] as Readable)).length;
    expect(late).toBe(line.length + 1);
  });

  it('go on when one of their connection is stopped', async () => {
    const connection = await start();
    const stop = new AbortController();
    const stopped = await follow(connection, 'step-0', stop.signal);
    const others = [await follow(connection, 'step-1'), await follow(connection, 'step-2')];
    stop.abort();
    await eventually('the body is destroyed', () => stopped.destroyed);
    print('step-1', 'one');
    print('step-2', 'two');
    expect(await Promise.all(others.map(next))).toEqual(['one\n', 'two\n']);
    expect(world.server.connectionsAccepted).toBe(1);
  });

  it('are asked for once more on their connection after a 401, with the token that is there by then', async () => {
    await start();
    const { server, directory } = world;
    await writeFile(join(directory, 'token'), 'fake-token');
    const fields = { endpoint: server.url, ca_cert: server.ca, token_path: join(directory, 'token') };
    const connection = world.connect(await resolveAccess('token', fields, context));
    const first = await follow(connection, 'step-0');
    server.tokens.clear();
    server.tokens.set('second-token', 'fake-admin');
    await writeFile(join(directory, 'token'), 'second-token');
    const second = await follow(connection, 'step-1');
    print('step-0', 'one');
    print('step-1', 'two');
    expect([await next(first), await next(second)]).toEqual(['one\n', 'two\n']);
    expect(server.requests.map(({ token }) => token)).toEqual(['fake-token', 'fake-token', 'second-token']);
    expect(server.connectionsAccepted).toBe(1);
  });

  it('of a certificate that was replaced keep their connection until the last of them has ended', async () => {
    await start();
    const { server, directory, clock } = world;
    const paths = { cert_path: join(directory, 'c'), key_path: join(directory, 'k') };
    await writeFile(paths.cert_path, FAKE_CLIENT_CERTIFICATE);
    await writeFile(paths.key_path, FAKE_CLIENT_KEY);
    const fields = { endpoint: server.url, ca_cert: server.ca, ...paths };
    const connection = world.connect(await resolveAccess('client-cert', fields, context));
    const old = [await follow(connection, 'step-0'), await follow(connection, 'step-1')] as const;
    await writeFile(paths.cert_path, FAKE_SECOND_CLIENT_CERTIFICATE);
    await writeFile(paths.key_path, FAKE_SECOND_CLIENT_KEY);
    await clock.advance(11_000);
    const anew = await follow(connection, 'step-2');
    expect(server.requests.map(({ user }) => user)).toEqual(['fake-client-1', 'fake-client-1', 'fake-client-2']);
    server.logs.end(NAMESPACE, 'pod', 'step-0');
    expect(await next(old[0])).toBe('the end');
    print('step-1', 'one');
    expect(await next(old[1])).toBe('one\n');
    expect(server.openConnections).toBe(2);
    server.logs.end(NAMESPACE, 'pod', 'step-1');
    expect(await next(old[1])).toBe('the end');
    await eventually('the old connection is closed', () => server.openConnections === 1);
    print('step-2', 'two');
    expect(await next(anew)).toBe('two\n');
  });
});
