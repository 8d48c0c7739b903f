/** Ways in to a cluster that exist today; clouds come with their connectors. */
export const AUTH_METHODS = ['token', 'client-cert', 'kubeconfig', 'in-cluster'] as const;
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
};

/** Fields that every kubernetes method takes besides its own. */
export const COMMON_CONFIG_FIELDS = [
  'auth_method',
  'tls_server_name',
  'tekton_enabled',
  'tekton_task_images',
  'storage_class',
  'workspace_size',
  'registry_access',
  'install_tasks',
  'insecure_registries',
] as const;
