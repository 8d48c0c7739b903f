import { parseCloudEndpoints } from '@image-factory/cluster-connectors';
import { resolve } from 'node:path';
import { PRESSURE_DEFAULTS } from '@image-factory/cluster-connectors';
import { BUILDER_VARIABLES, type BuilderEnvironment } from '@image-factory/local-executor';
import {
  CLOCK_DEFAULTS,
  RETRY_DEFAULTS,
  Secret,
  withClassAttempts,
  type ClockLimits,
  type RetryLimits,
} from '@image-factory/domain';
import type { LogFormat, LogLevel } from '@image-factory/telemetry';
import { validateSync } from 'class-validator';
import { ENV_NAMES, EnvVariables, splitList } from './env-variables.js';
import { parseClassAttempts } from './retry-variables.js';
import { type SourcesEnv, sourcesOf } from './source-variables.js';

/** Everything that the dispatcher process is told by its environment. */
export interface DispatcherEnv {
  readonly databaseUrl: string;
  readonly databasePoolSize: number;
  readonly httpHost: string;
  /** 0: any free port. */
  readonly httpPort: number;
  readonly loggerLevel: LogLevel;
  readonly loggerFormat: LogFormat;
  readonly dataDir: string;
  /** Undefined: made once and kept in `<dataDir>/encryption-keys`, as the API does on the same machine. */
  readonly encryptionKeys: Secret | undefined;
  readonly tektonEnabled: boolean;
  readonly tektonKubeconfigPath: string | undefined;
  /** The cluster in which this process runs is a provider. */
  readonly tektonInCluster: boolean;
  readonly credentialDirs: readonly string[];
  readonly egressAllow: readonly string[];
  /** Origin of a cloud's API → origin where it is reached; none by default. */
  readonly cloudEndpoints?: Readonly<Record<string, string>>;
  readonly insecureRegistries: readonly string[];
  readonly slots: number;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly pollMs: number;
  readonly healthIntervalMs: number;
  readonly healthTimeoutMs: number;
  /** Requests per second to one cluster: never fewer, never more, whatever its answers teach. */
  readonly clusterRateFloor: number;
  readonly clusterRateCeiling: number;
  readonly clusterRequestsAtOnce: number;
  /** Finished runs on one cluster that are not swept; with so many, nothing new is placed there. */
  readonly clusterMaxUnswept: number;
  readonly runRetentionMs: number;
  readonly logRetentionDays: number;
  readonly retry: RetryLimits;
  /** The clocks that the dispatcher itself keeps; a build's own limits are on its row. */
  readonly clocks: Pick<ClockLimits, 'placementSeconds' | 'sealSeconds' | 'lossMinutes'>;
  readonly otlpEndpoint: string | undefined;
  readonly sources: SourcesEnv;
  readonly localWorkspaceDir: string;
  /** Undefined: made once and kept in `<dataDir>/local-host-id`. */
  readonly localHostId: string | undefined;
  /** `PATH` in which builders are looked for. */
  readonly path: string;
  /** What of the environment local builders may see: their daemons and the network's proxies. */
  readonly builderEnvironment: BuilderEnvironment;
  /** Set in a pod: where its own API server is. */
  readonly inCluster: { readonly host: string; readonly port: number } | undefined;
}

/** One variable that is wrong. The value is never repeated: it may be a secret. */
export interface EnvProblem {
  readonly name: string;
  readonly message: string;
}

export type EnvResult =
  | { readonly kind: 'valid'; readonly env: DispatcherEnv }
  | { readonly kind: 'invalid'; readonly problems: readonly EnvProblem[] };

type Source = Readonly<Record<string, string | undefined>>;

/** Reads and checks the whole environment; every problem is reported at once. Empty values count as absent. */
export function readEnv(source: Source = process.env): EnvResult {
  const given = ENV_NAMES.flatMap((name) =>
    source[name] === undefined || source[name] === '' ? [] : [[name, source[name]]],
  );
  const variables = Object.assign(new EnvVariables(), Object.fromEntries(given)) as EnvVariables;
  const problems = validateSync(variables).flatMap((error) =>
    Object.values(error.constraints ?? {}).map((message) => ({ name: error.property, message })),
  );
  if (problems.length > 0) return { kind: 'invalid', problems: [...problems, ...databaseProblems(variables)] };
  const sources = sourcesOf(variables, source, splitList);
  const env = { ...toEnv(variables), ...surroundings(source), sources };
  const related = [...databaseProblems(variables), ...relationProblems(env)];
  return related.length > 0 ? { kind: 'invalid', problems: related } : { kind: 'valid', env };
}

function databaseProblems(variables: EnvVariables): EnvProblem[] {
  const { IF_DATABASE_URL: url, IF_DATABASE_HOST: host } = variables;
  if (url === undefined && host === undefined) {
    return [
      { name: 'IF_DATABASE_URL', message: 'must be set (or IF_DATABASE_HOST and the other IF_DATABASE_* parts)' },
    ];
  }
  if (url !== undefined && host !== undefined) {
    return [{ name: 'IF_DATABASE_HOST', message: 'must not be set beside IF_DATABASE_URL' }];
  }
  return [];
}

function relationProblems(env: DispatcherEnv): EnvProblem[] {
  const problems: EnvProblem[] = [];
  if (env.heartbeatMs * 3 > env.leaseMs) {
    problems.push({
      name: 'IF_DISPATCHER_HEARTBEAT_MS',
      message: 'must be at most a third of IF_DISPATCHER_LEASE_MS, so that one late heartbeat loses nothing',
    });
  }
  if (env.healthTimeoutMs >= env.healthIntervalMs) {
    problems.push({ name: 'IF_HEALTH_TIMEOUT_MS', message: 'must be shorter than IF_HEALTH_INTERVAL_MS' });
  }
  if (env.clusterRateFloor > env.clusterRateCeiling) {
    problems.push({ name: 'IF_CLUSTER_RATE_FLOOR', message: 'must not be above IF_CLUSTER_RATE_CEILING' });
  }
  if (env.tektonKubeconfigPath !== undefined && !env.tektonEnabled) {
    problems.push({ name: 'IF_BUILD_TEKTON_KUBECONFIG', message: 'needs IF_BUILD_TEKTON_ENABLED=true' });
  }
  return [...problems, ...inClusterProblems(env)];
}

function inClusterProblems(env: DispatcherEnv): EnvProblem[] {
  if (!env.tektonInCluster) return [];
  const name = 'IF_BUILD_TEKTON_IN_CLUSTER';
  const messages = [
    ...(env.tektonEnabled ? [] : ['needs IF_BUILD_TEKTON_ENABLED=true']),
    ...(env.tektonKubeconfigPath === undefined ? [] : ['must not be true beside IF_BUILD_TEKTON_KUBECONFIG']),
    ...(env.inCluster === undefined ? ['needs KUBERNETES_SERVICE_HOST, which a pod has'] : []),
  ];
  return messages.map((message) => ({ name, message }));
}

type Surroundings = Pick<DispatcherEnv, 'path' | 'builderEnvironment' | 'inCluster'>;

/** What is not ours to name: the variables of the system, of builders and of Kubernetes. */
function surroundings(source: Source): Surroundings {
  const builders = BUILDER_VARIABLES.flatMap((name) => (source[name] === undefined ? [] : [[name, source[name]]]));
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = source;
  return {
    path: source['PATH'] ?? '',
    builderEnvironment: Object.fromEntries(builders) as BuilderEnvironment,
    inCluster: host === undefined || host === '' ? undefined : { host, port: Number(port ?? 443) },
  };
}

function toEnv(variables: EnvVariables): Omit<DispatcherEnv, keyof Surroundings | 'sources'> {
  const dataDir = resolve(variables.IF_DATA_DIR ?? '.image-factory');
  return {
    databaseUrl: databaseUrlOf(variables),
    databasePoolSize: Number(variables.IF_DATABASE_POOL_SIZE ?? 10),
    httpHost: variables.IF_DISPATCHER_HTTP_HOST ?? '127.0.0.1',
    httpPort: Number(variables.IF_DISPATCHER_HTTP_PORT ?? 9465),
    loggerLevel: (variables.IF_LOGGER_LEVEL ?? 'info') as LogLevel,
    loggerFormat: (variables.IF_LOGGER_FORMAT ?? 'json') as LogFormat,
    dataDir,
    encryptionKeys: variables.IF_ENCRYPTION_KEYS === undefined ? undefined : new Secret(variables.IF_ENCRYPTION_KEYS),
    tektonEnabled: variables.IF_BUILD_TEKTON_ENABLED === 'true',
    tektonKubeconfigPath: variables.IF_BUILD_TEKTON_KUBECONFIG,
    tektonInCluster: variables.IF_BUILD_TEKTON_IN_CLUSTER === 'true',
    credentialDirs: splitList(variables.IF_CREDENTIAL_DIRS),
    egressAllow: splitList(variables.IF_EGRESS_ALLOW),
    cloudEndpoints: cloudEndpointsOf(variables.IF_CLOUD_ENDPOINTS),
    insecureRegistries: splitList(variables.IF_INSECURE_REGISTRIES),
    slots: Number(variables.IF_DISPATCHER_SLOTS ?? 50),
    leaseMs: Number(variables.IF_DISPATCHER_LEASE_MS ?? 30_000),
    heartbeatMs: Number(variables.IF_DISPATCHER_HEARTBEAT_MS ?? 5_000),
    pollMs: Number(variables.IF_DISPATCHER_POLL_MS ?? 2_000),
    healthIntervalMs: Number(variables.IF_HEALTH_INTERVAL_MS ?? 30_000),
    healthTimeoutMs: Number(variables.IF_HEALTH_TIMEOUT_MS ?? 10_000),
    clusterRateFloor: Number(variables.IF_CLUSTER_RATE_FLOOR ?? PRESSURE_DEFAULTS.floorPerSecond),
    clusterRateCeiling: Number(variables.IF_CLUSTER_RATE_CEILING ?? PRESSURE_DEFAULTS.ceilingPerSecond),
    clusterRequestsAtOnce: Number(variables.IF_CLUSTER_REQUESTS_AT_ONCE ?? PRESSURE_DEFAULTS.slots),
    clusterMaxUnswept: Number(variables.IF_CLUSTER_MAX_UNSWEPT ?? 2_000),
    runRetentionMs: Number(variables.IF_RUN_RETENTION_SECONDS ?? 0) * 1000,
    logRetentionDays: Number(variables.IF_LOG_RETENTION_DAYS ?? 30),
    retry: retryOf(variables),
    clocks: {
      placementSeconds: Number(variables.IF_PLACEMENT_LIMIT_SECONDS ?? CLOCK_DEFAULTS.placementLimitSeconds),
      sealSeconds: Number(variables.IF_SEAL_LIMIT_SECONDS ?? CLOCK_DEFAULTS.sealLimitSeconds),
      lossMinutes: Number(variables.IF_LOSS_LIMIT_MINUTES ?? CLOCK_DEFAULTS.lossLimitMinutes),
    },
    otlpEndpoint: variables.IF_OTLP_ENDPOINT,
    localWorkspaceDir: resolve(variables.IF_LOCAL_WORKSPACE_DIR ?? `${dataDir}/local`),
    localHostId: variables.IF_LOCAL_HOST_ID,
  };
}

function retryOf(variables: EnvVariables): RetryLimits {
  const { IF_RETRY_ATTEMPTS: attempts, IF_RETRY_TOTAL_MINUTES: minutes, IF_RETRY_CLASS_ATTEMPTS: classes } = variables;
  const limits = {
    ...RETRY_DEFAULTS,
    maxAttempts: Number(attempts ?? RETRY_DEFAULTS.maxAttempts),
    maxTotalMs: minutes === undefined ? RETRY_DEFAULTS.maxTotalMs : Number(minutes) * 60_000,
  };
  return classes === undefined ? limits : withClassAttempts(limits, parseClassAttempts(classes) ?? {});
}

function databaseUrlOf(variables: EnvVariables): string {
  if (variables.IF_DATABASE_URL !== undefined) return variables.IF_DATABASE_URL;
  const url = new URL('postgresql://localhost');
  url.hostname = variables.IF_DATABASE_HOST ?? 'localhost';
  url.port = variables.IF_DATABASE_PORT ?? '5432';
  url.username = encodeURIComponent(variables.IF_DATABASE_USER ?? 'postgres');
  url.password = encodeURIComponent(variables.IF_DATABASE_PASSWORD ?? '');
  url.pathname = `/${encodeURIComponent(variables.IF_DATABASE_NAME ?? 'image_factory')}`;
  if (variables.IF_DATABASE_SSL === 'true') url.searchParams.set('sslmode', 'verify-full');
  return url.href;
}

function cloudEndpointsOf(value: string | undefined): Readonly<Record<string, string>> {
  const parsed = parseCloudEndpoints(value ?? '');
  return typeof parsed === 'string' ? {} : parsed;
}
