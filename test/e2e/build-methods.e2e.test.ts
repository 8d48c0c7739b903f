import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { KubeItem } from './support/cluster.ts';
import { Platform, type TenantFixture } from './support/platform.ts';
import { until, type Json } from './support/rest-client.ts';

interface TaskRun extends KubeItem {
  readonly spec: { readonly timeout?: string };
}

/** Each method on the real cluster: submit over REST, image in the registry, log kept whole, run removed. */
describe('a build on a real cluster', () => {
  let platform: Platform;
  let tenant: TenantFixture;

  beforeAll(async () => {
    platform = await Platform.start({ postgresUrl: inject('e2ePostgresUrl'), name: 'build-methods' });
    tenant = await platform.tenant('methods');
  });
  afterAll(async () => platform.stop());

  const config = { build_args: { VERSION: '1.2.3' } };

  it.each([
    ['kaniko', config],
    ['docker', { ...config, target: 'debug' }],
    ['buildx', { ...config, platforms: ['linux/amd64'] }],
  ] as const)('makes an image with %s whose digest is the registry’s', async (method, buildConfig) => {
    const submitted = await tenant.client.submit({
      project_id: tenant.projectId,
      build_method: method,
      tags: [`${method}-1`, 'latest'],
      build_config: buildConfig,
    });
    expect(submitted.status).toBe('queued');
    const build = await tenant.client.ended(submitted.id);
    expect({ ...build, log: build.status === 'completed' ? '' : await tenant.client.log(build.id) }).toMatchObject({
      status: 'completed',
      attempt: 1,
      image: { repository: tenant.repository, tags: [`${method}-1`, 'latest'] },
    });
    const digest = build.image?.digest;
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    for (const tag of [`${method}-1`, 'latest', `if-${build.id}-1`]) {
      expect(await platform.cluster.registryDigest(tenant.repository, tag)).toBe(digest);
    }
    await expectWholeLog(build.id);
    await until('the run to be removed', 60_000, async () =>
      (await platform.pipelineRuns(build.id)).length === 0 ? true : undefined,
    );
    const stored = await tenant.client.send<Json>(
      'GET',
      `/builds/${build.id}/pipeline-run`,
      undefined,
      'application/json',
    );
    expect(stored.body).toMatchObject({ kind: 'PipelineRun' });
    expect(stored.text).not.toContain(platform.cluster.registry.password);
  });

  // Two waits of 15 minutes and a margin of 10 beside the build's own time, and no less than Tekton's hour.
  it.each([
    [120, '2h40m0s'],
    [5, '1h0m0s'],
  ])(
    'has its own limit of %i minutes, whatever Tekton gives a task of which nothing is said',
    async (minutes, limit) => {
      const { id } = await tenant.client.submit({
        project_id: tenant.projectId,
        build_method: 'kaniko',
        build_timeout_minutes: minutes,
        requirements: { memory: '1Gi' },
      });
      const tasks = await until('its TaskRuns', 90_000, async () => {
        const selector = encodeURIComponent(`image-factory.io/build=${id}`);
        const { body } = await platform.cluster.kube('GET', `/apis/tekton.dev/v1/taskruns?labelSelector=${selector}`);
        const items = (body.items ?? []) as readonly TaskRun[];
        return items.length === 2 ? items : undefined;
      });
      expect(tasks.map(({ spec }) => spec.timeout)).toEqual([limit, limit]);
      expect(await tenant.client.ended(id)).toMatchObject({ status: 'completed' });
    },
  );

  it('makes a machine image with packer and keeps its manifest', async () => {
    const submitted = await tenant.client.submit({
      project_id: tenant.projectId,
      build_method: 'packer',
      build_config: { packer_template: 'packer/template.json', variables: { name: 'somebody' } },
    });
    const build = await tenant.client.ended(submitted.id);
    expect({ ...build, log: build.status === 'completed' ? '' : await tenant.client.log(build.id) }).toMatchObject({
      status: 'completed',
    });
    const artifacts = await tenant.client.ok<{ items: Json[] }>('GET', `/builds/${build.id}/artifacts`);
    expect(artifacts.items.length).toBeGreaterThan(0);
    await expectWholeLog(build.id);
  });

  it('goes through its states, each of them in its timeline', async () => {
    const submitted = await tenant.client.submit({ project_id: tenant.projectId, build_method: 'kaniko' });
    await tenant.client.ended(submitted.id);
    const events = await tenant.client.ok<{ items: Json[] }>('GET', `/builds/${submitted.id}/events?limit=100`);
    const states = events.items.map(
      (event) => `${String(event['subject'])}:${String(event['to'] ?? event['to_state'])}`,
    );
    for (const state of [
      'execution:placing',
      'execution:creating',
      'execution:starting',
      'execution:running',
      'execution:sealing',
      'execution:promoting',
      'execution:succeeded',
      'build:completed',
    ]) {
      expect(states).toContain(state);
    }
  });

  async function expectWholeLog(buildId: string): Promise<void> {
    const whole = await tenant.client.log(buildId);
    expect(whole).toContain('Using Kubernetes namespace: image-factory-');
    expect(whole).toContain('Created PipelineRun: if-');
    const clone = await tenant.client.log(buildId, '?step=clone/clone');
    expect(clone).toMatch(/^Fetching .*\n(?:.*\n)*Checked out [0-9a-f]{40}\n$/);
    expect(whole).toContain(clone);
    const lines = await tenant.client.send('GET', `/builds/${buildId}/logs`, undefined, 'application/x-ndjson');
    const records = lines.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Json);
    expect(records.some((record) => record['task'] === 'build')).toBe(true);
    expect(records.every((record) => record['gap'] === undefined)).toBe(true);
  }
});
