import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { resolveAccess, testConnection } from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConnectorWorld, createSecret, failure, listPods } from './connector-world.ts';

const context = { fileRules: { allowedDirs: [], anyPath: false } };

let world: ConnectorWorld;
let proxy: Server;
let answer: string;
const tunnels: string[] = [];

beforeEach(async () => {
  world = await ConnectorWorld.start();
  answer = 'HTTP/1.1 200 Connection established\r\n\r\n';
  tunnels.length = 0;
  proxy = createServer();
  // Whatever name is asked for, the tunnel leads to the cluster: the proxy is who resolves names.
  proxy.on('connect', (request, socket) => {
    tunnels.push(request.url ?? '');
    socket.on('error', () => undefined);
    socket.write(answer);
    if (!answer.includes(' 200 ')) return socket.end();
    const inner = connectTcp(world.server.port, '127.0.0.1');
    inner.on('error', () => socket.destroy());
    socket.on('close', () => inner.destroy());
    return socket.pipe(inner).pipe(socket);
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, '127.0.0.1', resolve);
  });
});

afterEach(async () => {
  await world.close();
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
});

async function byProxy(more: Readonly<Record<string, string>> = {}) {
  const proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return resolveAccess('token', { ...world.server.providerConfig(), proxy_url: proxyUrl, ...more }, context);
}

describe('a proxy', () => {
  it('carries requests and watches in tunnels, with TLS from end to end and sockets that are kept', async () => {
    const fields = { endpoint: 'https://cluster.internal.example:6443', tls_server_name: 'localhost' };
    const connection = world.connect(await byProxy(fields));
    for (let count = 0; count < 10; count += 1) await connection.request(listPods);
    const { body } = await connection.stream({ ...listPods, query: { watch: true, resourceVersion: '1000' } });
    await connection.request(createSecret);
    expect(world.server.requests).toHaveLength(12);
    expect(tunnels).toHaveLength(1);
    expect(tunnels).toEqual(['cluster.internal.example:6443']);
    expect(body.destroyed).toBe(false);
    expect(world.server.requests.map(({ httpVersion }) => httpVersion).slice(-2)).toEqual(['2.0', '2.0']);
  });

  it.each([
    ['HTTP/1.1 407 Proxy Authentication Required\r\n\r\n', /wants credentials \(407\)/],
    ['HTTP/1.1 403 Forbidden\r\n\r\n', /answered 403 to CONNECT/],
    ['SSH-2.0-OpenSSH_9.9\r\n\r\n', /does not speak HTTP/],
  ])('that refuses is named: %j', async (said, message) => {
    answer = said;
    const error = await failure(world.connect(await byProxy()).request(listPods));
    expect(error).toMatchObject({ reason: 'ClusterUnreachable', fault: 'cluster', details: { outcome: 'notSent' } });
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/through the proxy 127\.0\.0\.1:/);
  });

  it('is behind the egress rules at each socket', async () => {
    const egress = new EgressPolicy({ allow: [] });
    const error = await failure(world.connect(await byProxy(), { egress }).request(listPods));
    expect(error).toMatchObject({ reason: 'EgressForbidden', details: { outcome: 'notSent' } });
    expect(tunnels).toHaveLength(0);
  });

  it('is what a connection test reaches first', async () => {
    const steps = await testConnection(await byProxy(), world.egress, context);
    expect(steps.map(({ name, status }) => [name, status])).toEqual(
      ['resolve', 'tcp', 'tls', 'authenticate', 'version', 'permissions'].map((name) => [name, 'passed']),
    );
    expect(steps[0]?.message).toContain('proxy');
    expect(steps[2]).toMatchObject({ details: { expected_name: '127.0.0.1', peer: { names: expect.any(Array) } } });
  });

  it('does not hide that the server behind it has a certificate for another name', async () => {
    const steps = await testConnection(
      await byProxy({ endpoint: 'https://cluster.internal.example:6443' }),
      world.egress,
      context,
    );
    expect(steps.map(({ name, status }) => [name, status])).toEqual([
      ['resolve', 'passed'],
      ['tcp', 'passed'],
      ['tls', 'failed'],
      ...['authenticate', 'version', 'permissions'].map((name) => [name, 'skipped']),
    ]);
    expect(steps[2]).toMatchObject({
      reason: 'ClusterTlsFailed',
      details: { expected_name: 'cluster.internal.example' },
      fix: expect.stringContaining('tls_server_name'),
    });
    expect(tunnels).toEqual(['cluster.internal.example:6443']);
  });

  it('that gives no tunnel is a step that failed', async () => {
    answer = 'HTTP/1.1 403 Forbidden\r\n\r\n';
    const steps = await testConnection(await byProxy(), world.egress, context);
    expect(steps[2]).toMatchObject({
      name: 'tls',
      status: 'failed',
      message: expect.stringContaining('403 to CONNECT'),
    });
  });
});
