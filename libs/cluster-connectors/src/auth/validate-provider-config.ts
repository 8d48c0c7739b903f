import { isAbsolute, normalize, sep } from 'node:path';
import {
  AUTH_METHOD_TABLE,
  AUTH_METHODS,
  type AuthMethod,
  COMMON_CONFIG_FIELDS,
  imageRepository,
  type Issue,
  type ProviderType,
  Secret,
  storageQuantity,
  TASK_NAMES,
} from '@image-factory/domain';
import type { ConnectorContext } from './connector-strategy.js';
import { connectorTable, isAuthMethod } from './connector-table.js';
import { proxyUrlProblem, tlsServerNameProblem } from './server-url.js';

export interface ProviderConfigRules {
  /** Directories (`IF_CREDENTIAL_DIRS`) below which `*_path` fields may point. */
  readonly allowedCredentialDirs: readonly string[];
  /** True for what an operator wrote in a file or the environment: any absolute path. */
  readonly allowPaths: boolean;
  /** http endpoints are accepted here; the egress policy decides which are reached. Default false. */
  readonly allowHttp?: boolean;
  readonly now?: () => Date;
}

type Config = Readonly<Record<string, unknown>>;

/** Fields with a shape of their own; the others are texts. */
const SHAPES: Readonly<Record<string, (value: unknown) => string | undefined>> = {
  tekton_enabled: boolean,
  install_tasks: boolean,
  tekton_task_images: taskImages,
  insecure_registries: registries,
  registry_access: (value) =>
    value === 'dispatcher' || value === 'cluster' ? undefined : 'must be dispatcher or cluster',
  workspace_size: (value) => (typeof value === 'string' ? storageQuantity(value) : 'must be a text'),
  storage_class: (value) =>
    typeof value === 'string' && /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/.test(value)
      ? undefined
      : 'must be the name of a StorageClass',
  proxy_url: (value) => (typeof value === 'string' ? proxyUrlProblem(value) : 'must be a text'),
  tls_server_name: (value) => (typeof value === 'string' ? tlsServerNameProblem(value) : 'must be a text'),
};

/**
 * Everything that is wrong with a provider's config, all at once; paths are `config.<field>`. Only the text is judged:
 * no file is read and no host is reached.
 */
export function validateProviderConfig(type: ProviderType, config: Config, rules: ProviderConfigRules): Issue[] {
  if (type === 'local') {
    return Object.keys(config).map((name) => issue(name, 'a local provider has no config fields'));
  }
  const method = config['auth_method'];
  if (!isAuthMethod(method)) return [issue('auth_method', `must be one of ${AUTH_METHODS.join(', ')}`)];
  const issues = [
    ...typeIssues(type, method),
    ...presenceIssues(method, config),
    ...shapeIssues(method, config),
    ...pathIssues(config, rules),
  ];
  const texts = Object.fromEntries(Object.entries(config).filter(([, value]) => isText(value))) as Record<
    string,
    string | Secret
  >;
  const context: ConnectorContext = {
    fileRules: { allowedDirs: rules.allowedCredentialDirs, anyPath: rules.allowPaths },
    allowHttp: rules.allowHttp === true,
    ...(rules.now === undefined ? {} : { now: rules.now }),
  };
  const own = connectorTable[method].validate(texts, context);
  return [...issues, ...own.map((one) => issue(one.path, one.message))];
}

/** A method of one cloud enters clusters of that cloud only; `kubernetes` says nothing about where it runs. */
const METHOD_TYPES: Partial<Readonly<Record<AuthMethod, ProviderType>>> = {
  'eks-iam': 'aws-eks',
  'gke-workload-identity': 'gcp-gke',
  'aks-managed-identity': 'azure-aks',
};

function typeIssues(type: ProviderType, method: AuthMethod): Issue[] {
  const fitting = METHOD_TYPES[method];
  if (fitting === undefined || type === fitting || type === 'kubernetes') return [];
  return [issue('auth_method', `${method} is for providers of type ${fitting}, not ${type}`)];
}

function presenceIssues(method: AuthMethod, config: Config): Issue[] {
  const table = AUTH_METHOD_TABLE[method];
  const known: readonly string[] = [...table.oneOf.flat(), ...table.optional, ...COMMON_CONFIG_FIELDS];
  const issues = Object.keys(config)
    .filter((name) => !known.includes(name))
    .map((name) => issue(name, `is not a field of auth_method ${method}`));
  for (const alternatives of table.oneOf) {
    const given = alternatives.filter((name) => isGiven(config[name]));
    const names = alternatives.join(' or ');
    if (given.length === 0) issues.push(issue(alternatives[0] ?? '', `is required: give ${names}`));
    if (given.length > 1)
      issues.push(issue(given[1] ?? '', `cannot be given together with ${given[0]}; give ${names}`));
  }
  if (isGiven(config['ca_cert']) && isGiven(config['ca_path'])) {
    issues.push(issue('ca_path', 'cannot be given together with ca_cert; give ca_cert or ca_path'));
  }
  if (method === 'client-cert') {
    const byValue = isGiven(config['client_cert']);
    if (byValue !== isGiven(config['client_key']) && isGiven(config['client_key']) !== isGiven(config['key_path'])) {
      issues.push(
        issue(byValue ? 'key_path' : 'client_key', 'certificate and key must both be values or both be paths'),
      );
    }
  }
  return issues;
}

function shapeIssues(method: AuthMethod, config: Config): Issue[] {
  const table = AUTH_METHOD_TABLE[method];
  const texts = new Set([...table.oneOf.flat(), ...table.optional]);
  const issues: Issue[] = [];
  for (const [name, value] of Object.entries(config)) {
    if (value === undefined || value === null) continue;
    const shape = Object.hasOwn(SHAPES, name) ? SHAPES[name] : undefined;
    const problem =
      shape !== undefined ? shape(value) : texts.has(name) && !isText(value) ? 'must be a text' : undefined;
    if (problem !== undefined) issues.push(issue(name, problem));
  }
  return issues;
}

function pathIssues(config: Config, rules: ProviderConfigRules): Issue[] {
  const issues: Issue[] = [];
  for (const name of ['token_path', 'cert_path', 'key_path', 'ca_path', 'kubeconfig_path']) {
    const value = config[name];
    if (!isGiven(value) || typeof value !== 'string') continue;
    if (!isAbsolute(value) || value.includes('\0') || normalize(value) !== value) {
      issues.push(issue(name, 'must be an absolute path without . or ..'));
    } else if (!rules.allowPaths && !rules.allowedCredentialDirs.some((dir) => isBelow(value, dir))) {
      issues.push(issue(name, 'must be below a directory that the operator allows (IF_CREDENTIAL_DIRS)'));
    }
  }
  return issues;
}

function isBelow(path: string, dir: string): boolean {
  const base = normalize(dir);
  return path.startsWith(base.endsWith(sep) ? base : base + sep);
}

function isText(value: unknown): value is string | Secret {
  return typeof value === 'string' || value instanceof Secret;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

function boolean(value: unknown): string | undefined {
  return typeof value === 'boolean' ? undefined : 'must be true or false';
}

function taskImages(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'must map Task names to images';
  for (const [name, image] of Object.entries(value)) {
    if (!(TASK_NAMES as readonly string[]).includes(name)) return `has "${name}"; Tasks are ${TASK_NAMES.join(', ')}`;
    const reference =
      typeof image === 'string'
        ? image.replace(/@sha256:[0-9a-f]{64}$/, '').replace(/:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/, '')
        : '';
    if (imageRepository(reference) !== undefined) return `has no image reference with a registry host for "${name}"`;
  }
  return undefined;
}

function registries(value: unknown): string | undefined {
  const valid =
    Array.isArray(value) &&
    value.length <= 50 &&
    value.every((host) => typeof host === 'string' && /^[A-Za-z0-9.[\]:-]{1,260}$/.test(host));
  return valid ? undefined : 'must be a list of registry hosts, as in registry.example:5000';
}

function issue(field: string, message: string): Issue {
  return { path: `config.${field}`, message };
}
