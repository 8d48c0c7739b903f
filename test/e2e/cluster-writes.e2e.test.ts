import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { CountingProxy, writeOf } from './support/counting-proxy.ts';
import { Platform, type TenantFixture } from './support/platform.ts';
import { replaceProvider } from './support/replace-provider.ts';
import { until } from './support/rest-client.ts';

/** What the dispatcher writes to the cluster, counted on the wire between the two. */
describe('the writes of a build', () => {
  let platform: Platform;
  let proxy: CountingProxy;
  let tenant: TenantFixture;

  beforeAll(async () => {
    platform = await Platform.start({ postgresUrl: inject('e2ePostgresUrl'), name: 'cluster-writes', dispatchers: 0 });
    proxy = await CountingProxy.start(platform.cluster);
    await replaceProvider(platform, {
      auth_method: 'token',
      endpoint: proxy.url,
      ca_cert: proxy.ca,
      token: await platform.cluster.shippedToken(),
      tekton_task_images: platform.cluster.taskImages,
      insecure_registries: [platform.cluster.registry.host],
    });
    await platform.startDispatcher(0);
    tenant = await platform.tenant('writes');
  });
  afterAll(async () => {
    await platform.stop();
    await proxy.close();
  });

  async function buildUntilSwept(): Promise<void> {
    const { id } = await tenant.client.submit({ project_id: tenant.projectId, build_method: 'kaniko' });
    expect(await tenant.client.ended(id)).toMatchObject({ status: 'completed' });
    await until('its run to be swept', 60_000, async () => {
      const swept = await platform.sql('SELECT 1 FROM build_executions WHERE build_id = $1 AND swept_at IS NOT NULL', [
        id,
      ]);
      return swept.length > 0 ? true : undefined;
    });
  }

  it('are four in a warm namespace: the Secret, the run, and their deletion', async () => {
    await buildUntilSwept();
    proxy.writes.length = 0;
    await buildUntilSwept();
    expect(proxy.writes.map(writeOf).sort()).toEqual([
      'DELETE pipelineruns',
      'DELETE secrets',
      'POST pipelineruns',
      'POST secrets',
    ]);
  });
});
