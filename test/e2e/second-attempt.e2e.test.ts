import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { KubeItem } from './support/cluster.ts';
import { Platform, type TenantFixture } from './support/platform.ts';
import { until, type Json } from './support/rest-client.ts';

interface Pod extends KubeItem {
  readonly spec: {
    readonly nodeName?: string;
    readonly affinity?: { readonly nodeAffinity?: Json };
    readonly containers: readonly { readonly name: string; readonly resources?: { readonly limits?: Json } }[];
  };
}

/** What Tekton and Kubernetes make of what we ask for after a disruption, with the rights that are shipped. */
describe('the attempt after an eviction', () => {
  let platform: Platform;
  let tenant: TenantFixture;

  beforeAll(async () => {
    platform = await Platform.start({ postgresUrl: inject('e2ePostgresUrl'), name: 'second' });
    tenant = await platform.tenant('second');
  });
  afterAll(async () => platform.stop());

  async function podsOf(buildId: string, attempt: number): Promise<readonly Pod[]> {
    const selector = encodeURIComponent(`image-factory.io/build=${buildId},image-factory.io/attempt=${attempt}`);
    const { body } = await platform.cluster.kube('GET', `/api/v1/pods?labelSelector=${selector}`);
    return (body.items ?? []) as readonly Pod[];
  }

  /** The pod in which a pipeline task runs, once it has a node; the affinity assistant's has no task. */
  function podOf(
    buildId: string,
    attempt: number,
    task: string | undefined,
    is: (pod: Pod) => boolean = () => true,
  ): Promise<Pod> {
    return until(`a pod of ${task ?? 'the affinity assistant'}`, 90_000, async () => {
      const pods = await podsOf(buildId, attempt);
      const found = pods.find(
        (pod) =>
          pod.metadata.labels?.['tekton.dev/pipelineTask'] === task && pod.spec.nodeName !== undefined && is(pod),
      );
      if (found !== undefined) return found;
      throw new Error(JSON.stringify(await tenant.client.ok('GET', `/builds/${buildId}/executions`)));
    });
  }

  it('has the disk that was asked for, prefers another node, and still runs where there is only one', async () => {
    const { id } = await tenant.client.submit({
      project_id: tenant.projectId,
      build_method: 'kaniko',
      build_config: { dockerfile_path: 'slow/Dockerfile' },
      requirements: { ephemeral_storage: '2Gi', workspace_size: '2Gi' },
    });
    // One that is evicted before its containers run may be made anew by Tekton, in the same attempt.
    const first = await podOf(id, 1, 'build', (pod) => pod.status?.['phase'] === 'Running');
    const step = first.spec.containers.find(({ name }) => name === 'step-build');
    expect(step?.resources?.limits).toMatchObject({ 'ephemeral-storage': '2Gi' });
    const { name, namespace } = first.metadata;
    const evicted = await platform.cluster.kube('POST', `/api/v1/namespaces/${namespace ?? ''}/pods/${name}/eviction`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace },
      // Less than the step still needs.
      deleteOptions: { gracePeriodSeconds: 1 },
    });
    expect(evicted.status).toBe(201);
    const preferred = {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          preference: { matchFields: [{ key: 'metadata.name', operator: 'NotIn', values: [first.spec.nodeName] }] },
        },
      ],
    };
    for (const task of [undefined, 'clone', 'build']) {
      expect((await podOf(id, 2, task)).spec.affinity?.nodeAffinity).toEqual(preferred);
    }
    expect(await tenant.client.ended(id)).toMatchObject({ status: 'completed', attempt: 2 });
    const executions = await tenant.client.ok<{ items: Json[] }>('GET', `/builds/${id}/executions`);
    expect(executions.items).toMatchObject([
      {
        node: first.spec.nodeName,
        resources: { ephemeral_storage: '2Gi', workspace_size: '2Gi' },
        retry: { decision: 'retry' },
      },
      { status: 'succeeded', resources: { ephemeral_storage: '2Gi', workspace_size: '2Gi' }, retry: null },
    ]);
  });
});
