import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Platform, type TenantFixture } from './support/platform.ts';
import { until, type Json } from './support/rest-client.ts';

/** What users and clusters do wrong, and what the build then says. */
describe('a build that cannot succeed', () => {
  let platform: Platform;
  let tenant: TenantFixture;

  beforeAll(async () => {
    platform = await Platform.start({ postgresUrl: inject('e2ePostgresUrl'), name: 'failures' });
    tenant = await platform.tenant('failures');
  });
  afterAll(async () => platform.stop());

  const submit = (over: Json = {}): Promise<{ id: string }> =>
    tenant.client.submit({ project_id: tenant.projectId, build_method: 'kaniko', ...over });

  it('says which step failed, with its exit code and its last lines', async () => {
    const { id } = await submit({ build_config: { dockerfile_path: 'failing/Dockerfile' } });
    const build = await tenant.client.ended(id);
    expect(build).toMatchObject({ status: 'failed', reason: 'StepFailed', image: { digest: null } });
    expect(build.message).toMatch(/^Step build\/build exited with code 3; its last lines:\n(?:.*\n)*about to fail\n/);
    expect(await tenant.client.log(id)).toContain('about to fail');
    expect(await platform.cluster.registryDigest(tenant.repository, 'build-1')).toBeUndefined();
  });

  it('stops when it is cancelled while it runs, and publishes nothing', async () => {
    const { id } = await submit({ tags: ['never'] });
    await until('the build to run on the cluster', 60_000, async () =>
      (await platform.pipelineRuns(id)).length === 1 ? true : undefined,
    );
    const answer = await tenant.client.send('POST', `/builds/${id}/cancel`, { reason: 'changed my mind' });
    expect(answer.status).toBe(202);
    const again = await tenant.client.send('POST', `/builds/${id}/cancel`, { reason: 'again' });
    expect(again.status).toBe(202);
    const build = await tenant.client.ended(id);
    expect(build).toMatchObject({ status: 'cancelled' });
    const pods = await platform.cluster.kube(
      'GET',
      `/api/v1/pods?labelSelector=${encodeURIComponent(`image-factory.io/build=${id}`)}`,
    );
    // A pod that is being deleted keeps its phase; what counts is that none of its containers runs. Tekton's affinity
    // assistant carries the run's labels and runs nothing of ours.
    const ours = (pods.body.items ?? []).filter(
      (pod) => pod.metadata.labels?.['tekton.dev/pipelineTask'] !== undefined,
    );
    const running = ours.flatMap((pod) => (pod.status?.['containerStatuses'] ?? []) as { state: { running?: Json } }[]);
    expect(running.filter((container) => container.state.running !== undefined)).toEqual([]);
    expect(await platform.cluster.registryDigest(tenant.repository, 'never')).toBeUndefined();
  });

  it('touches no cluster when it is cancelled in the queue', async () => {
    const later = new Date(Date.now() + 3_600_000).toISOString();
    const { id } = await submit({ not_before: later });
    expect((await tenant.client.send('POST', `/builds/${id}/cancel`, { reason: 'no' })).status).toBe(202);
    expect(await tenant.client.build(id)).toMatchObject({ status: 'cancelled', attempt: 0 });
    expect(await platform.pipelineRuns(id)).toEqual([]);
  });

  it('names the credential when the registry’s password is wrong', async () => {
    const wrong = await platform.tenant('wrong-password', { registryPassword: 'not-the-password' });
    const { id } = await wrong.client.submit({ project_id: wrong.projectId, build_method: 'kaniko' });
    const build = await wrong.client.ended(id);
    expect(build).toMatchObject({ status: 'failed', reason: 'RegistryUnauthorized' });
    expect(JSON.stringify(build)).not.toContain('not-the-password');
    expect(await wrong.client.log(id)).not.toContain('not-the-password');
  });

  it('says that a Task is missing, and does not blame the user', async () => {
    const provider = await platform.admin.ok<{ id: string }>('POST', '/admin/infrastructure/providers', {
      name: 'without-tasks',
      provider_type: 'kubernetes',
      is_global: false,
      config: {
        auth_method: 'token',
        endpoint: platform.cluster.apiServerUrl,
        token: await platform.cluster.shippedToken(),
        ca_cert: Buffer.from(platform.cluster.caData, 'base64').toString('utf8'),
        install_tasks: false,
      },
    });
    const bare = await platform.tenant('without-tasks');
    await platform.admin.ok('POST', `/admin/infrastructure/providers/${provider.id}/permissions`, {
      tenant_id: bare.id,
    });
    const { id } = await bare.client.submit({
      project_id: bare.projectId,
      build_method: 'kaniko',
      infrastructure_provider_id: provider.id,
    });
    const build = await bare.client.ended(id);
    expect(build).toMatchObject({ status: 'failed', reason: 'AttemptsExhausted' });
    expect(build.message).toContain('TaskMissing');
    const executions = await bare.client.ok<{ items: Json[] }>('GET', `/builds/${id}/executions`);
    expect(executions.items[0]).toMatchObject({ retry: { decision: 'retry', class: 'platform' } });
    expect(executions.items.at(-1)).toMatchObject({
      reason: 'TaskMissing',
      fault: expect.stringMatching(/cluster|platform/) as string,
      retry: { decision: 'stop', class: 'platform', reason: 'ClassAttemptsUsed', next_attempt_at: null },
    });
  });

  it('shows why it waits while no node can take its pod', async () => {
    const nodes = await platform.cluster.kube('GET', '/api/v1/nodes');
    const tenantBlocked = await platform.tenant('unschedulable');
    const warm = await tenantBlocked.client.submit({ project_id: tenantBlocked.projectId, build_method: 'kaniko' });
    await tenantBlocked.client.ended(warm.id);
    const namespace = (
      await platform.sql<{ name: string }>('SELECT name FROM tenant_namespaces WHERE tenant_id = $1', [
        tenantBlocked.id,
      ])
    )[0]?.name;
    expect(nodes.body.items?.length).toBeGreaterThan(0);
    await platform.cluster.kube('POST', `/api/v1/namespaces/${namespace ?? ''}/limitranges`, {
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: { name: 'too-much' },
      spec: { limits: [{ type: 'Container', defaultRequest: { cpu: '64' }, default: { cpu: '64' } }] },
    });
    const { id } = await tenantBlocked.client.submit({ project_id: tenantBlocked.projectId, build_method: 'kaniko' });
    const waiting = await until('the reason to be shown', 60_000, async () => {
      const build = await tenantBlocked.client.ok<Json>('GET', `/builds/${id}`);
      return /Unschedulable/.test(JSON.stringify(build)) ? build : undefined;
    });
    expect(waiting['status']).toBe('running');
    await tenantBlocked.client.ok('POST', `/builds/${id}/cancel`, { reason: 'seen' });
    expect(await tenantBlocked.client.ended(id)).toMatchObject({ status: 'cancelled' });
  });
});
