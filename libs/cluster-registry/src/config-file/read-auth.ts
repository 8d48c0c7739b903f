import {
  AUTH_KEYS,
  CONFIG_FIELD_OF,
  DECLARED_METHODS,
  type DeclaredMethod,
  type DeclaredProvider,
  FILE_FIELDS,
  IAM_FIELDS,
  isCloud,
  METHOD_FIELDS,
} from './cluster-fields.js';
import type { ConfigMap } from './config-map.js';

/** What `auth` (or `kubeconfig` beside `name`) says, as far as it is right. */
export interface ReadAuth {
  readonly method: DeclaredMethod | undefined;
  /** The provider's `auth_method`; undefined when method or provider is. */
  readonly authMethod: string | undefined;
  /** Fields of the provider's config with the place of each. */
  readonly fields: ReadonlyMap<string, { readonly value: string; readonly map: ConfigMap; readonly key: string }>;
}

export interface PathRules {
  /** What `~` stands for. */
  readonly home: string;
}

/** Reads how a cluster is entered. Problems are added to the map. */
export function readAuth(
  cluster: ConfigMap,
  provider: DeclaredProvider | undefined,
  rules: PathRules,
): ReadAuth | undefined {
  const auth = cluster.submap('auth');
  if (cluster.has('kubeconfig')) {
    if (!cluster.has('auth')) return kubeconfigBesideName(cluster, rules);
    cluster.problem('kubeconfig', 'cannot stand beside auth; give it there');
  }
  if (auth === undefined) {
    if (!cluster.has('auth')) cluster.problem('auth', 'is missing: give auth.method and what it needs');
    return undefined;
  }
  auth.refuseUnknown(AUTH_KEYS);
  const method = auth.choice('method', DECLARED_METHODS, true);
  if (method === undefined) return undefined;
  if (method === 'iam' && provider !== undefined && !isCloud(provider)) {
    auth.problem('method', `iam is for the providers aws, gcp and azure, not for ${provider}`);
    return undefined;
  }
  const { required, optional } = fieldsOf(method, provider);
  refuseForeign(auth, method, provider, [...required, ...optional]);
  const fields = new Map<string, { value: string; map: ConfigMap; key: string }>();
  for (const key of [...required, ...optional]) {
    const value = readField(auth, key, required.includes(key), rules);
    if (value !== undefined) fields.set(CONFIG_FIELD_OF[key] ?? key, { value, map: auth, key });
  }
  if (method === 'kubeconfig') contextBesideName(cluster, auth, fields);
  return { method, authMethod: authMethodOf(method, provider), fields };
}

/** The guide's first example: `kubeconfig` and `context` beside `name`, without `auth`. */
function kubeconfigBesideName(cluster: ConfigMap, rules: PathRules): ReadAuth {
  const fields = new Map<string, { value: string; map: ConfigMap; key: string }>();
  const path = readField(cluster, 'kubeconfig', true, rules);
  if (path !== undefined) fields.set('kubeconfig_path', { value: path, map: cluster, key: 'kubeconfig' });
  const context = cluster.text('context');
  if (context !== undefined) fields.set('context', { value: context, map: cluster, key: 'context' });
  return { method: 'kubeconfig', authMethod: 'kubeconfig', fields };
}

function contextBesideName(
  cluster: ConfigMap,
  auth: ConfigMap,
  fields: Map<string, { value: string; map: ConfigMap; key: string }>,
): void {
  const context = cluster.text('context');
  if (context === undefined) return;
  if (auth.has('context')) cluster.problem('context', 'is given in auth too; give it once');
  else fields.set('context', { value: context, map: cluster, key: 'context' });
}

function fieldsOf(
  method: DeclaredMethod,
  provider: DeclaredProvider | undefined,
): { readonly required: readonly string[]; readonly optional: readonly string[] } {
  if (method !== 'iam') return METHOD_FIELDS[method];
  if (provider !== undefined && isCloud(provider)) return { required: [], optional: IAM_FIELDS[provider].optional };
  return { required: [], optional: Object.values(IAM_FIELDS).flatMap((fields) => fields.optional) };
}

function authMethodOf(method: DeclaredMethod, provider: DeclaredProvider | undefined): string | undefined {
  if (method === 'service-account') return 'token';
  if (method === 'cert') return 'client-cert';
  if (method !== 'iam') return method;
  return provider !== undefined && isCloud(provider) ? IAM_FIELDS[provider].method : undefined;
}

/** A problem for each known key that does not go with the method. */
function refuseForeign(
  auth: ConfigMap,
  method: DeclaredMethod,
  provider: DeclaredProvider | undefined,
  allowed: readonly string[],
): void {
  for (const key of AUTH_KEYS) {
    if (key === 'method' || allowed.includes(key) || !auth.has(key)) continue;
    const where = method === 'iam' && provider !== undefined ? ` of provider ${provider}` : '';
    const takes = allowed.length === 0 ? 'which takes no other key' : `which takes ${allowed.join(', ')}`;
    auth.problem(key, `does not go with method ${method}${where}, ${takes}`);
  }
}

function readField(map: ConfigMap, key: string, required: boolean, rules: PathRules): string | undefined {
  const value = map.text(key, { required });
  if (value === undefined || !FILE_FIELDS.includes(CONFIG_FIELD_OF[key] ?? key)) return value;
  return atHome(value, rules.home);
}

function atHome(path: string, home: string): string {
  if (path === '~') return home;
  return path.startsWith('~/') ? `${home.replace(/\/+$/, '')}/${path.slice(2)}` : path;
}
