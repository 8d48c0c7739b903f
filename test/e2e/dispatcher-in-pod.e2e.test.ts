import { readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Platform } from './support/platform.ts';
import { Pod } from './support/pod.ts';
import { type Json, until } from './support/rest-client.ts';

const PROVIDERS = '/admin/infrastructure/providers';
const ENTRY = fileURLToPath(new URL('../../apps/dispatcher/dist/main.js', import.meta.url));
/** Where pods reach this machine. */
const MACHINE = '10.244.77.1';

let platform: Platform;
let pod: Pod;
let way: Server;

beforeAll(async () => {
  platform = await Platform.start({ postgresUrl: inject('e2ePostgresUrl'), name: 'in-pod', dispatchers: 0 });
  const database = new URL(platform.databaseUrl);
  way = await forward(database);
  database.hostname = MACHINE;
  database.port = String((way.address() as AddressInfo).port);
  pod = await Pod.start(platform.cluster, 'dispatcher', ENTRY, {
    PATH: '/usr/bin:/bin',
    HOME: '/tmp',
    IF_DATABASE_URL: database.toString(),
    IF_DATA_DIR: '/tmp/data',
    IF_LOCAL_WORKSPACE_DIR: '/tmp/local',
    IF_ENCRYPTION_KEYS: readFileSync(join(platform.dataDir, 'encryption-keys'), 'utf8').trim(),
    IF_BUILD_TEKTON_ENABLED: 'true',
    IF_BUILD_TEKTON_IN_CLUSTER: 'true',
    IF_EGRESS_ALLOW: '10.245.0.1,10.244.77.1',
    IF_INSECURE_REGISTRIES: platform.cluster.registry.host,
    IF_HEALTH_INTERVAL_MS: '2000',
    IF_HEALTH_TIMEOUT_MS: '1500',
  });
});
afterAll(async () => {
  await pod?.remove();
  way?.close();
  await platform?.stop();
});

/** The database listens on the loopback interface only; a pod comes by the bridge. */
async function forward({ hostname, port }: URL): Promise<Server> {
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, MACHINE, resolve));
  return server;
}

describe('a dispatcher in a pod', () => {
  it('makes a provider of its own cluster and builds there as its ServiceAccount', async () => {
    const own = await until('its cluster to be a provider', 60_000, async () => {
      const { items } = await platform.admin.ok<{ items: Json[] }>('GET', PROVIDERS);
      return items.find(({ source }) => source === 'environment');
    }).catch(async (error: unknown) => {
      throw new Error(`the dispatcher says:\n${await pod.log()}`, { cause: error });
    });
    expect(own).toMatchObject({ name: 'environment', config: { auth_method: 'in-cluster' } });
    // What no source says is an administrator's, here as on every provider.
    const { taskImages, registry } = platform.cluster;
    await platform.admin.ok('PATCH', `${PROVIDERS}/${String(own['id'])}`, {
      config: { tekton_task_images: taskImages, insecure_registries: [registry.host] },
    });
    const tenant = await platform.tenant('in-pod');
    const { id } = await tenant.client.submit({
      project_id: tenant.projectId,
      build_method: 'kaniko',
      infrastructure_provider_id: own['id'],
    });
    const build = await tenant.client.ended(id).catch(async (error: unknown) => {
      throw new Error(`the dispatcher says:\n${await pod.log()}`, { cause: error });
    });
    expect(build).toMatchObject({ status: 'completed', attempt: 1 });
    const executions = await tenant.client.ok<{ items: Json[] }>('GET', `/builds/${id}/executions`);
    expect(executions.items).toMatchObject([{ provider: { name: 'environment' } }]);
    const image = build['image'] as { repository: string; tags: string[]; digest: string };
    expect(await platform.cluster.registryDigest(image.repository, image.tags[0] ?? '')).toBe(image.digest);
  });
});
