import { createServer, request as forward, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ClusterConnection, ListWatch, resolveAccess, testConnection } from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';
import { createSilentLogger, systemClock } from '@image-factory/telemetry';
import { eventually, FakeKubeApiServer } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listPods } from './connector-world.ts';

/** Where Rancher serves the API of a cluster that it manages: one host for all, a path for each. */
const PREFIX = '/k8s/clusters/c-m-abcdefgh';
const egress = new EgressPolicy({ allow: ['127.0.0.1'], allowHttp: ['127.0.0.1'] });

let server: FakeKubeApiServer;
let rancher: Server;
let endpoint: string;
const beside: string[] = [];

beforeEach(async () => {
  server = await FakeKubeApiServer.start({ namespaces: ['builds'], tls: false });
  beside.length = 0;
  rancher = createServer((incoming, answer) => {
    const { url = '', method, headers } = incoming;
    if (!url.startsWith(`${PREFIX}/`)) {
      beside.push(url);
      answer.writeHead(404).end();
      return;
    }
    const inner = forward(
      { host: '127.0.0.1', port: server.port, method, headers, path: url.slice(PREFIX.length) },
      (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(answer);
      },
    );
    inner.on('error', () => answer.destroy());
    answer.on('close', () => inner.destroy());
    incoming.pipe(inner);
  });
  await new Promise<void>((resolve) => {
    rancher.listen(0, '127.0.0.1', resolve);
  });
  endpoint = `http://127.0.0.1:${(rancher.address() as AddressInfo).port}${PREFIX}/`;
});

afterEach(async () => {
  await server.close();
  rancher.closeAllConnections();
  await new Promise((resolve) => rancher.close(resolve));
});

describe('a cluster behind a path of Rancher', () => {
  it('is asked there by raw requests, typed clients, watches and the connection test, and nowhere else', async () => {
    const context = { fileRules: { allowedDirs: [], anyPath: false }, allowHttp: true };
    const access = await resolveAccess('token', { endpoint, token: 'fake-token' }, context);
    const connection = new ClusterConnection({ providerId: 'p', generation: 1, access, egress });
    await connection.request(listPods);
    await connection.core.listNamespacedPod({ namespace: 'builds' });
    const seen: string[] = [];
    const watch = new ListWatch({
      connection,
      path: listPods.path,
      labelSelector: '',
      form: 'object',
      project: ({ metadata }) => metadata.name ?? '',
      onUpsert: (name) => void seen.push(String(name)),
      onDelete: () => undefined,
      clock: systemClock,
      logger: createSilentLogger(),
    });
    watch.start();
    await watch.ready(AbortSignal.timeout(10_000));
    server.store.create('pods', { metadata: { name: 'later', namespace: 'builds' } });
    await eventually('the watch has told it', () => seen.length > 0);
    await watch.close();
    await connection.close();
    const steps = await testConnection(access, egress);
    expect(steps.map(({ name, status }) => `${name} ${status}`)).not.toContainEqual(expect.stringContaining('failed'));
    expect(beside).toEqual([]);
  });
});
