import { isAuthMethod, validateProviderConfig } from '@image-factory/cluster-connectors';
import { displayName, labelKey, labelValue } from '@image-factory/domain';
import type { DeclaredCluster } from './cluster-config.js';
import {
  CLOUD_KEYS,
  CLUSTER_KEYS,
  type CloudName,
  DECLARED_PROVIDERS,
  type DeclaredProvider,
  IAM_FIELDS,
  isCloud,
  PROVIDER_TYPE_OF,
  ROUTE_KEYS,
} from './cluster-fields.js';
import type { ConfigMap } from './config-map.js';
import { credentialFiles } from './credential-files.js';
import { type PathRules, type ReadAuth, readAuth } from './read-auth.js';

const MOST_WORDS = 50;

/** Judged by themselves: they name the cluster in its cloud, whatever the method. */
const IDENTITY_FIELDS: readonly string[] = [...Object.values(CLOUD_KEYS).flat(), 'region'];

/** Stands for an endpoint that the cloud will tell, while the rest of a config is judged. */
const DESCRIBED_LATER = 'https://described-later.invalid';

/** One entry of `clusters`; undefined when something that the rest hangs on is wrong. Problems are added to the map. */
export function readCluster(cluster: ConfigMap, rules: PathRules): DeclaredCluster | undefined {
  cluster.refuseUnknown(CLUSTER_KEYS);
  const name = cluster.text('name', { required: true, grammar: displayName });
  const provider = readProvider(cluster);
  const region = cluster.text('region', { grammar: labelValue });
  const labels = cluster.textMap('labels', labelKey, labelValue, MOST_WORDS);
  const capabilities = cluster.texts('capabilities', labelValue, MOST_WORDS);
  const maxConcurrentBuilds = cluster.integer('max_concurrent_builds', 0, 100_000);
  const isDefault = cluster.boolean('default') === true;
  const common = { region, labels, capabilities, maxConcurrentBuilds, isDefault };
  if (provider === 'host') return readHost(cluster, name, common);
  const auth = readAuth(cluster, provider, rules);
  const endpoint = cluster.text('endpoint');
  refuseForeign(cluster, provider, auth);
  const identity = provider !== undefined && isCloud(provider) ? readIdentity(cluster, provider, name, region) : {};
  if (provider !== undefined && isCloud(provider)) {
    const named = auth?.method === 'iam' || (auth !== undefined && byEndpoint(auth) && !cluster.has('endpoint'));
    judgeIdentity(cluster, provider, identity, named);
  }
  const way = auth === undefined ? undefined : wayIn(cluster, provider, auth, endpoint, identity);
  if (name === undefined || provider === undefined || way === undefined) return undefined;
  return {
    name,
    type: PROVIDER_TYPE_OF[provider],
    ...common,
    region: region ?? identity['location'],
    config: way.config,
    describe: way.describe,
    files: credentialFiles(way.config),
    line: cluster.problems.lineOf(cluster.node('name')),
  };
}

/** A kubeconfig beside `name` is a local cluster (the guide's first example says nothing more). */
function readProvider(cluster: ConfigMap): DeclaredProvider | undefined {
  const implied = cluster.has('kubeconfig') && !cluster.has('provider');
  return implied ? 'local' : cluster.choice('provider', DECLARED_PROVIDERS, true);
}

type Common = Pick<DeclaredCluster, 'region' | 'labels' | 'capabilities' | 'maxConcurrentBuilds' | 'isDefault'>;

/** The dispatcher's own host: it has no way in, and tenants get it by grants only. */
function readHost(cluster: ConfigMap, name: string | undefined, common: Common): DeclaredCluster | undefined {
  const allowed = ['name', 'provider', 'region', 'labels', 'capabilities', 'max_concurrent_builds', 'default'];
  for (const key of CLUSTER_KEYS) {
    if (!allowed.includes(key) && cluster.has(key)) {
      cluster.problem(key, 'does not go with provider host, which is the dispatcher’s own host and no cluster');
    }
  }
  if (common.isDefault) cluster.problem('default', 'must not be true for the host; grant it to tenants instead');
  if (name === undefined) return undefined;
  const line = cluster.problems.lineOf(cluster.node('name'));
  return { name, type: 'local', ...common, config: {}, describe: undefined, files: [], line };
}

/** A problem for each known key that does not go with provider and method. */
function refuseForeign(cluster: ConfigMap, provider: DeclaredProvider | undefined, auth: ReadAuth | undefined): void {
  const own = provider !== undefined && isCloud(provider) ? CLOUD_KEYS[provider] : [];
  for (const key of new Set(Object.values(CLOUD_KEYS).flat())) {
    if (provider !== undefined && !own.includes(key) && cluster.has(key)) {
      cluster.problem(key, `does not go with provider ${provider}`);
    }
  }
  const method = auth?.method;
  if (method === undefined) return;
  if (method !== 'kubeconfig' && cluster.has('context')) {
    cluster.problem('context', `does not go with method ${method}; it names a context of a kubeconfig`);
  }
  if (!cluster.has('endpoint')) return;
  if (method === 'kubeconfig' || method === 'in-cluster' || auth?.authMethod === 'gke-workload-identity') {
    cluster.problem('endpoint', `does not go with method ${method}, which knows the endpoint itself`);
  }
}

type Identity = Readonly<Record<string, string | undefined>>;

/** What names the cluster in its cloud, by the fields of the provider's config. */
function readIdentity(
  cluster: ConfigMap,
  cloud: CloudName,
  name: string | undefined,
  region: string | undefined,
): Identity {
  const identity: Record<string, string | undefined> = {};
  for (const key of CLOUD_KEYS[cloud]) {
    identity[key] = cluster.text(key);
  }
  if (!cluster.has('cluster_name')) identity['cluster_name'] = name;
  if (cloud === 'gcp' && !cluster.has('location')) identity['location'] = region;
  if (cloud === 'aws') identity['region'] = region;
  return identity;
}

interface WayIn {
  readonly config: Readonly<Record<string, string>>;
  readonly describe: DeclaredCluster['describe'];
}

/** The provider's config by product.md's tables, judged as the one of a provider over REST is. */
function wayIn(
  cluster: ConfigMap,
  provider: DeclaredProvider | undefined,
  auth: ReadAuth,
  endpoint: string | undefined,
  identity: Identity,
): WayIn | undefined {
  const { authMethod } = auth;
  if (provider === undefined || authMethod === undefined) return undefined;
  const config: Record<string, string> = { auth_method: authMethod };
  for (const [field, { value }] of auth.fields) config[field] = value;
  if (endpoint !== undefined) config['endpoint'] = endpoint;
  for (const key of ROUTE_KEYS) Object.assign(config, given({ [key]: cluster.text(key) }));
  if (auth.method === 'iam') Object.assign(config, given(identity));
  const describes = byEndpoint(auth) && !cluster.has('endpoint') && isCloud(provider);
  if (byEndpoint(auth) && !cluster.has('endpoint') && !isCloud(provider)) {
    cluster.problem('endpoint', `is missing: a cluster of provider ${provider} is reached by its endpoint`);
  }
  const named = auth.method === 'iam' || describes;
  const whole = named && isCloud(provider) ? identityProblems(cluster, provider, identity) : true;
  judge(cluster, provider, auth, describes ? { ...config, endpoint: DESCRIBED_LATER } : config);
  return { config, describe: describes && whole ? inItsCloud(provider, identity) : undefined };
}

/** The method needs an endpoint, which a cloud may tell. */
function byEndpoint({ method }: ReadAuth): boolean {
  return method === 'service-account' || method === 'cert';
}

/** False, with a problem for each, when something that names the cluster in its cloud is missing. */
function identityProblems(cluster: ConfigMap, cloud: CloudName, identity: Identity): boolean {
  const needed = { aws: ['region'], gcp: ['project_id', 'location'], azure: ['subscription_id', 'resource_group'] };
  const missing = needed[cloud].filter((key) => identity[key] === undefined && !cluster.has(key));
  for (const key of missing) {
    const what = key === 'location' ? 'is missing (region serves as well)' : 'is missing';
    cluster.problem(key, `${what}: without it the cluster cannot be found in ${cloud}`);
  }
  return needed[cloud].every((key) => identity[key] !== undefined);
}

/** The config with which the cloud itself is asked for the cluster. */
function inItsCloud(cloud: CloudName, identity: Identity): Readonly<Record<string, string>> {
  return { auth_method: IAM_FIELDS[cloud].method, ...given(identity) };
}

const CONFIG_RULES = { allowedCredentialDirs: [], allowPaths: true, allowHttp: true };

/**
 * What the connector of the cloud says of the names that the cluster has there. Without `named` nobody asks by them, and
 * only those that are written are judged.
 */
function judgeIdentity(cluster: ConfigMap, cloud: CloudName, identity: Identity, named: boolean): void {
  for (const issue of validateProviderConfig(PROVIDER_TYPE_OF[cloud], inItsCloud(cloud, identity), CONFIG_RULES)) {
    const field = issue.path.replace(/^config\./, '');
    const written = cluster.has(field);
    if (identity[field] === undefined || (!named && (field === 'region' || !written))) continue;
    if (written) cluster.problem(field, issue.message);
    else if (field === 'location') cluster.problem('region', issue.message);
    else cluster.problem('name', `${issue.message}; give cluster_name when it differs from name`);
  }
}

/** What the connector's own rules say, at the line of the key that it is about. Methods of clouds are judged there. */
function judge(
  cluster: ConfigMap,
  provider: DeclaredProvider,
  auth: ReadAuth,
  config: Readonly<Record<string, string>>,
): void {
  if (!isAuthMethod(config['auth_method'])) return;
  for (const issue of validateProviderConfig(PROVIDER_TYPE_OF[provider], config, CONFIG_RULES)) {
    const field = issue.path.replace(/^config\./, '');
    const place = auth.fields.get(field);
    // What is missing or foreign was said at its own place already.
    if (/^(?:is required|is not a field)/.test(issue.message)) continue;
    if (auth.method === 'iam' && IDENTITY_FIELDS.includes(field)) continue;
    if (place === undefined) cluster.problem(field, issue.message);
    else place.map.problem(place.key, issue.message);
  }
}

function given(identity: Identity): Record<string, string> {
  return Object.fromEntries(Object.entries(identity).filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
}
