import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Platform, type TenantFixture } from './support/platform.ts';

/** What is kept is compared with what the containers printed: the runs stay on the cluster for this file. */
describe('the log of a build', () => {
  let platform: Platform;
  let tenant: TenantFixture;

  beforeAll(async () => {
    platform = await Platform.start({
      postgresUrl: inject('e2ePostgresUrl'),
      name: 'log-bytes',
      environment: { IF_RUN_RETENTION_SECONDS: '600' },
    });
    tenant = await platform.tenant('log-bytes');
  });
  afterAll(async () => platform.stop());

  interface Pod {
    readonly metadata: {
      readonly name: string;
      readonly namespace: string;
      readonly labels?: Readonly<Record<string, string>>;
    };
    readonly spec: { readonly containers: readonly { readonly name: string }[] };
  }

  /** The pods of the build's two tasks. */
  async function podsOf(buildId: string): Promise<readonly Pod[]> {
    const selector = encodeURIComponent(`image-factory.io/build=${buildId}`);
    const answer = await platform.cluster.kube('GET', `/api/v1/pods?labelSelector=${selector}`);
    const pods = (answer.body.items ?? []) as unknown as readonly Pod[];
    // Tekton's affinity assistant carries the run's labels too, and has no step.
    return pods.filter((pod) => pod.metadata.labels?.['tekton.dev/pipelineTask'] !== undefined);
  }

  it.each(['kaniko', 'buildx'])('is byte for byte what the steps of %s printed', async (method) => {
    const { id } = await tenant.client.submit({ project_id: tenant.projectId, build_method: method });
    expect(await tenant.client.ended(id)).toMatchObject({ status: 'completed' });
    const pods = await podsOf(id);
    expect(pods.map((pod) => pod.metadata.labels?.['tekton.dev/pipelineTask']).sort()).toEqual(['build', 'clone']);
    for (const pod of pods) {
      const task = pod.metadata.labels?.['tekton.dev/pipelineTask'] ?? '';
      for (const container of pod.spec.containers.filter(({ name }) => name.startsWith('step-'))) {
        const { namespace, name } = pod.metadata;
        const path = `/api/v1/namespaces/${namespace}/pods/${name}/log?container=${container.name}`;
        const printed = await platform.cluster.kube('GET', path);
        const step = `${task}/${container.name.slice('step-'.length)}`;
        expect(await tenant.client.log(id, `?step=${step}`), step).toBe(printed.body['text']);
      }
    }
  });
});
