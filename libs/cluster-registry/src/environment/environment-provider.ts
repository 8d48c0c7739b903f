import { createHash } from 'node:crypto';

/** A provider row that mirrors what an operator configured outside the API: stable id, read-only config. */
export interface MirroredProvider {
  readonly id: string;
  readonly name: string;
  readonly type: 'kubernetes';
  readonly source: 'environment';
  readonly isGlobal: boolean;
  readonly config: Readonly<Record<string, string>>;
}

/** Name of the provider that the environment makes. */
export const ENVIRONMENT_PROVIDER_NAME = 'environment';

/** What the environment says of a cluster; at most one of the two. */
export interface EnvironmentCluster {
  /** `IF_BUILD_TEKTON_KUBECONFIG`. */
  readonly tektonKubeconfigPath: string | undefined;
  /** `IF_BUILD_TEKTON_IN_CLUSTER`: the cluster in which the process runs. */
  readonly tektonInCluster: boolean;
}

/**
 * The environment's cluster, as a provider that any tenant may use; undefined when it names none. A kubeconfig is read when
 * a connection is made, so a missing one is a Condition of this provider and does not keep the process from starting.
 */
export function environmentProvider(environment: EnvironmentCluster): MirroredProvider | undefined {
  const config = configOf(environment);
  if (config === undefined) return undefined;
  return {
    id: stableProviderId('environment', ENVIRONMENT_PROVIDER_NAME),
    name: ENVIRONMENT_PROVIDER_NAME,
    type: 'kubernetes',
    source: 'environment',
    isGlobal: false,
    config,
  };
}

function configOf(environment: EnvironmentCluster): Readonly<Record<string, string>> | undefined {
  const { tektonKubeconfigPath: path, tektonInCluster } = environment;
  if (path !== undefined && path !== '') return { auth_method: 'kubeconfig', kubeconfig_path: path };
  return tektonInCluster ? { auth_method: 'in-cluster' } : undefined;
}

/** A UUID (version 8, RFC 9562) that is a function of source and name, so that every process makes the same row. */
export function stableProviderId(source: string, name: string): string {
  const hex = createHash('sha256').update(`image-factory:provider:${source}:${name}`).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
