import type { TestCluster } from './cluster.ts';
import type { Platform } from './platform.ts';
import type { Json } from './rest-client.ts';

export const PROVIDERS = '/admin/infrastructure/providers';

/** Makes a cluster, reached in one way, a provider for every tenant; returns its id. */
export async function registerCluster(
  platform: Platform,
  cluster: TestCluster,
  name: string,
  access: Json,
): Promise<string> {
  const { id } = await platform.admin.ok<{ id: string }>('POST', PROVIDERS, {
    name,
    provider_type: 'kubernetes',
    is_global: true,
    allow_privileged: true,
    config: { tekton_task_images: cluster.taskImages, insecure_registries: [cluster.registry.host], ...access },
  });
  return id;
}

/** Where its API server is, for the auth methods that do not find that out themselves. */
export function endpointOf(cluster: TestCluster): Json {
  return { endpoint: cluster.apiServerUrl, ca_cert: Buffer.from(cluster.caData, 'base64').toString('utf8') };
}
