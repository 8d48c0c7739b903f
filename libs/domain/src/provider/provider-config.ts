/** Ways in to a cluster. */
export const AUTH_METHODS = [
  'token',
  'client-cert',
  'kubeconfig',
  'in-cluster',
  'eks-iam',
  'gke-workload-identity',
  'aks-managed-identity',
] as const;
export type AuthMethod = (typeof AUTH_METHODS)[number];

export interface AuthMethodFields {
  /** Every inner list: exactly one of these must be given. */
  readonly oneOf: readonly (readonly string[])[];
  readonly optional: readonly string[];
  /** Values that are sealed and never returned. */
  readonly secret: readonly string[];
}

/** Provider config by auth method (product.md). */
export const AUTH_METHOD_TABLE: Readonly<Record<AuthMethod, AuthMethodFields>> = {
  token: {
    oneOf: [
      ['endpoint', 'apiServer'],
      ['token', 'token_path'],
    ],
    optional: ['ca_cert', 'ca_path'],
    secret: ['token'],
  },
  'client-cert': {
    oneOf: [
      ['endpoint', 'apiServer'],
      ['client_cert', 'cert_path'],
      ['client_key', 'key_path'],
    ],
    optional: ['ca_cert', 'ca_path'],
    secret: ['client_key'],
  },
  kubeconfig: { oneOf: [['kubeconfig', 'kubeconfig_path']], optional: ['context'], secret: ['kubeconfig'] },
  'in-cluster': { oneOf: [], optional: [], secret: [] },
  'eks-iam': {
    oneOf: [['cluster_name'], ['region']],
    optional: ['role_arn', 'external_id', 'endpoint', 'ca_cert', 'access_key_id', 'secret_access_key'],
    secret: ['secret_access_key'],
  },
  'gke-workload-identity': {
    oneOf: [['project_id'], ['location'], ['cluster_name']],
    optional: ['service_account', 'service_account_key', 'endpoint_kind'],
    secret: ['service_account_key'],
  },
  'aks-managed-identity': {
    oneOf: [['subscription_id'], ['resource_group'], ['cluster_name']],
    optional: ['azure_cloud', 'client_id', 'tenant_id', 'client_secret', 'endpoint'],
    secret: ['client_secret'],
  },
};

/** Fields that every kubernetes method takes besides its own. */
export const COMMON_CONFIG_FIELDS = [
  'auth_method',
  'tls_server_name',
  'proxy_url',
  'tekton_enabled',
  'tekton_task_images',
  'storage_class',
  'workspace_size',
  'registry_access',
  'install_tasks',
  'insecure_registries',
] as const;
