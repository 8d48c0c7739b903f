import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { readCluster, type TestCluster } from './support/cluster.ts';
import { freeze, removePipelineRuns } from './support/cluster-faults.ts';
import { Platform, type TenantFixture } from './support/platform.ts';
import { endpointOf, PROVIDERS, registerCluster } from './support/register-cluster.ts';
import { type Json, until } from './support/rest-client.ts';

/** What happens to a cluster is seen and named, costs the builds of the other one nothing, and is over when it is. */
describe('a cluster of two', () => {
  let platform: Platform;
  let second: TestCluster;
  let secondId: string;
  let tenant: TenantFixture;
  let undo: () => void | Promise<void> = () => undefined;

  beforeAll(async () => {
    second = readCluster('second');
    platform = await Platform.start({ postgresUrl: inject('e2ePostgresUrl'), name: 'cluster-outages' });
    tenant = await platform.tenant('outages');
    secondId = await registerCluster(platform, second, 'second', {
      auth_method: 'token',
      token: await second.shippedToken(),
      ...endpointOf(second),
    });
    await healthOf('healthy');
  });
  afterEach(async () => {
    await undo();
    undo = () => undefined;
    await healthOf('healthy');
  });
  afterAll(async () => platform.stop());

  function healthOf(status: string): Promise<Json> {
    return until(`the second cluster to be ${status}`, 60_000, async () => {
      const health = await platform.admin.ok('GET', `${PROVIDERS}/${secondId}/health`);
      return health['verdict'] === status ? health : undefined;
    });
  }

  /** A build that names no provider completes at once on the cluster that is well. */
  async function othersGoOn(): Promise<void> {
    const { id } = await tenant.client.submit({ project_id: tenant.projectId, build_method: 'kaniko' });
    expect(await tenant.client.ended(id, 60_000)).toMatchObject({ status: 'completed', attempt: 1 });
    const [row] = await platform.sql<{ provider_id: string }>(
      `SELECT provider_id FROM build_executions WHERE build_id = $1 AND state <> 'released'`,
      [id],
    );
    expect(row?.provider_id).toBe(platform.providerId);
  }

  it('is degraded while Tekton’s PipelineRuns are not defined', async () => {
    undo = await removePipelineRuns(second);
    expect(JSON.stringify(await healthOf('degraded'))).toContain('TektonNotInstalled');
    await othersGoOn();
  });

  it('is unhealthy while its only node is not Ready', async () => {
    undo = freeze('second', 'kubelet');
    expect(JSON.stringify(await healthOf('unhealthy'))).toContain('NoReadyNode');
    await othersGoOn();
  });

  it('is unhealthy while its API server does not answer', async () => {
    undo = freeze('second', 'kube-apiserver');
    expect(JSON.stringify(await healthOf('unhealthy'))).toContain('ClusterUnreachable');
    await othersGoOn();
  });

  it('keeps the build that runs while its API server is away, and its log', async () => {
    const { id } = await tenant.client.submit({
      project_id: tenant.projectId,
      build_method: 'kaniko',
      infrastructure_provider_id: secondId,
    });
    await platform.untilRunning(id);
    undo = freeze('second', 'kube-apiserver');
    await healthOf('unhealthy');
    await undo();
    undo = () => undefined;
    expect(await tenant.client.ended(id)).toMatchObject({ status: 'completed', attempt: 1 });
    expect(await tenant.client.log(id, '?step=clone/clone')).toMatch(
      /^Fetching .*\n(?:.*\n)*Checked out [0-9a-f]{40}\n$/,
    );
  });

  it('gives up what runs there when it is drained, once nothing of it runs any more', async () => {
    const setStatus = (id: string, body: Json): Promise<Json> =>
      platform.admin.ok('PATCH', `${PROVIDERS}/${id}/status`, body);
    await setStatus(platform.providerId, { status: 'cordoned' });
    const { id } = await tenant.client.submit({ project_id: tenant.projectId, build_method: 'kaniko' });
    await platform.untilRunning(id, secondId);
    await setStatus(platform.providerId, { status: 'enabled' });
    await setStatus(secondId, { status: 'draining', deadline: new Date().toISOString(), reason: 'maintenance' });
    undo = async () => void (await setStatus(secondId, { status: 'enabled' }));
    expect(await tenant.client.ended(id)).toMatchObject({ status: 'completed', attempt: 2 });
    const attempts = await platform.sql<{ provider_id: string; state: string }>(
      `SELECT provider_id, state FROM build_executions WHERE build_id = $1 AND state <> 'released' ORDER BY attempt`,
      [id],
    );
    expect(attempts).toEqual([
      { provider_id: secondId, state: 'moved' },
      { provider_id: platform.providerId, state: 'succeeded' },
    ]);
  });
});
