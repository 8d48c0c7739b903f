import type { ProviderType } from '@image-factory/domain';

/* The words of the file and what goes with what: the mapping tables of the provider contract as data. */

/** Words of `provider`. `host` is the dispatcher's own host; the others are clusters. */
export const DECLARED_PROVIDERS = ['aws', 'gcp', 'azure', 'local', 'onprem', 'host'] as const;
export type DeclaredProvider = (typeof DECLARED_PROVIDERS)[number];

/** Words of `auth.method`. */
export const DECLARED_METHODS = ['service-account', 'iam', 'cert', 'kubeconfig', 'in-cluster'] as const;
export type DeclaredMethod = (typeof DECLARED_METHODS)[number];

export const PROVIDER_TYPE_OF: Readonly<Record<DeclaredProvider, ProviderType>> = {
  aws: 'aws-eks',
  gcp: 'gcp-gke',
  azure: 'azure-aks',
  local: 'kubernetes',
  onprem: 'kubernetes',
  host: 'local',
};

export type CloudName = 'aws' | 'gcp' | 'azure';

export function isCloud(provider: DeclaredProvider): provider is CloudName {
  return provider === 'aws' || provider === 'gcp' || provider === 'azure';
}

/** Keys of `auth` by method; `iam` has others by cloud. */
export const METHOD_FIELDS: Readonly<
  Record<Exclude<DeclaredMethod, 'iam'>, { readonly required: readonly string[]; readonly optional: readonly string[] }>
> = {
  'service-account': { required: ['token_path'], optional: ['ca_path'] },
  cert: { required: ['cert_path', 'key_path'], optional: ['ca_path'] },
  kubeconfig: { required: ['kubeconfig'], optional: ['context'] },
  'in-cluster': { required: [], optional: [] },
};

/** What `iam` is in each cloud: its auth_method, its keys in `auth`, and what names the cluster there. */
export const IAM_FIELDS: Readonly<
  Record<CloudName, { readonly method: string; readonly optional: readonly string[] }>
> = {
  aws: { method: 'eks-iam', optional: ['role_arn', 'external_id'] },
  gcp: { method: 'gke-workload-identity', optional: ['service_account'] },
  azure: { method: 'aks-managed-identity', optional: ['client_id'] },
};

/** Keys beside `name` that only some providers have. */
export const CLOUD_KEYS: Readonly<Record<CloudName, readonly string[]>> = {
  aws: ['cluster_name'],
  gcp: ['cluster_name', 'project_id', 'location'],
  azure: ['cluster_name', 'subscription_id', 'resource_group', 'azure_cloud'],
};

/** Every key of `auth`. */
export const AUTH_KEYS = [
  'method',
  'kubeconfig',
  'context',
  'token_path',
  'role_arn',
  'external_id',
  'service_account',
  'client_id',
  'cert_path',
  'key_path',
  'ca_path',
] as const;

/** Keys of how a cluster is reached, whatever its method: fields of the provider's config. */
export const ROUTE_KEYS = ['tls_server_name', 'proxy_url'] as const;

/** Every key of an entry of `clusters`. */
export const CLUSTER_KEYS = [
  'name',
  'provider',
  'region',
  'endpoint',
  'auth',
  'capabilities',
  'labels',
  'kubeconfig',
  'context',
  'default',
  'cluster_name',
  'project_id',
  'location',
  'subscription_id',
  'resource_group',
  'azure_cloud',
  ...ROUTE_KEYS,
  'max_concurrent_builds',
] as const;

/** Key of `auth` → field of the provider's config, where the two differ. */
export const CONFIG_FIELD_OF: Readonly<Record<string, string>> = { kubeconfig: 'kubeconfig_path' };

/** Fields of the config that name files. */
export const FILE_FIELDS: readonly string[] = ['token_path', 'cert_path', 'key_path', 'ca_path', 'kubeconfig_path'];
