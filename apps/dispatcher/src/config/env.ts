import { resolve } from 'node:path';
import { PRESSURE_DEFAULTS } from '@image-factory/cluster-connectors';
import {
  commonEnv,
  dispatcherClocks,
  readVariables,
  type CommonEnv,
  type DispatcherClocks,
  type EnvProblem,
  type EnvResult,
  type EnvSource,
} from '@image-factory/configuration';
import { RETRY_DEFAULTS, withClassAttempts, type RetryLimits } from '@image-factory/domain';
import { BUILDER_VARIABLES, type BuilderEnvironment } from '@image-factory/local-executor';
import { DispatcherVariables } from './env-variables.js';
import { parseClassAttempts } from './retry-variables.js';
import { type SourcesEnv, sourcesOf } from './source-variables.js';

/** Everything that the dispatcher process is told by its environment. */
export interface DispatcherEnv extends CommonEnv {
  readonly databasePoolSize: number;
  readonly httpHost: string;
  /** 0: any free port. */
  readonly httpPort: number;
  /** The cluster in which this process runs is a provider. */
  readonly tektonInCluster: boolean;
  readonly slots: number;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly pollMs: number;
  readonly healthIntervalMs: number;
  readonly healthTimeoutMs: number;
  /** Credentials are warned of so long before they end. */
  readonly credentialWarningMs: number;
  /** Requests per second to one cluster: never fewer, never more, whatever its answers teach. */
  readonly clusterRateFloor: number;
  readonly clusterRateCeiling: number;
  readonly clusterRequestsAtOnce: number;
  /** Finished runs on one cluster that are not swept; with so many, nothing new is placed there. */
  readonly clusterMaxUnswept: number;
  readonly runRetentionMs: number;
  readonly logRetentionDays: number;
  readonly retry: RetryLimits;
  readonly clocks: DispatcherClocks;
  readonly sources: SourcesEnv;
  readonly localWorkspaceDir: string;
  /** Undefined: made once and kept in `<dataDir>/local-host-id`. */
  readonly localHostId: string | undefined;
  /** `PATH` in which builders are looked for. */
  readonly path: string;
  /** What of the environment local builders may see: their daemons and the network's proxies. */
  readonly builderEnvironment: BuilderEnvironment;
}

/** Reads and checks the whole environment; every problem is reported at once. Empty values count as absent. */
export function readEnv(source: EnvSource = process.env): EnvResult<DispatcherEnv> {
  const { variables, problems } = readVariables(DispatcherVariables, source);
  if (problems.length > 0) return { kind: 'invalid', problems };
  const env = toEnv(variables, source);
  const related = relationProblems(env);
  return related.length > 0 ? { kind: 'invalid', problems: related } : { kind: 'valid', env };
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

function toEnv(variables: DispatcherVariables, source: EnvSource): DispatcherEnv {
  const common = commonEnv(variables);
  return {
    ...common,
    databasePoolSize: Number(variables.IF_DATABASE_POOL_SIZE ?? 10),
    httpHost: variables.IF_DISPATCHER_HTTP_HOST ?? '127.0.0.1',
    httpPort: Number(variables.IF_DISPATCHER_HTTP_PORT ?? 9465),
    tektonInCluster: variables.IF_BUILD_TEKTON_IN_CLUSTER === 'true',
    slots: Number(variables.IF_DISPATCHER_SLOTS ?? 50),
    leaseMs: Number(variables.IF_DISPATCHER_LEASE_MS ?? 30_000),
    heartbeatMs: Number(variables.IF_DISPATCHER_HEARTBEAT_MS ?? 5_000),
    pollMs: Number(variables.IF_DISPATCHER_POLL_MS ?? 2_000),
    healthIntervalMs: Number(variables.IF_HEALTH_INTERVAL_MS ?? 30_000),
    healthTimeoutMs: Number(variables.IF_HEALTH_TIMEOUT_MS ?? 10_000),
    credentialWarningMs: Number(variables.IF_CREDENTIAL_WARNING_DAYS ?? 7) * 86_400_000,
    clusterRateFloor: Number(variables.IF_CLUSTER_RATE_FLOOR ?? PRESSURE_DEFAULTS.floorPerSecond),
    clusterRateCeiling: Number(variables.IF_CLUSTER_RATE_CEILING ?? PRESSURE_DEFAULTS.ceilingPerSecond),
    clusterRequestsAtOnce: Number(variables.IF_CLUSTER_REQUESTS_AT_ONCE ?? PRESSURE_DEFAULTS.slots),
    clusterMaxUnswept: Number(variables.IF_CLUSTER_MAX_UNSWEPT ?? 2_000),
    runRetentionMs: Number(variables.IF_RUN_RETENTION_SECONDS ?? 60) * 1000,
    logRetentionDays: Number(variables.IF_LOG_RETENTION_DAYS ?? 30),
    retry: retryOf(variables),
    clocks: dispatcherClocks(variables),
    sources: sourcesOf(variables, source),
    localWorkspaceDir: resolve(variables.IF_LOCAL_WORKSPACE_DIR ?? `${common.dataDir}/local`),
    localHostId: variables.IF_LOCAL_HOST_ID,
    path: source['PATH'] ?? '',
    builderEnvironment: builderEnvironmentOf(source),
  };
}

/** What is not ours to name: the variables of builders. */
function builderEnvironmentOf(source: EnvSource): BuilderEnvironment {
  const given = BUILDER_VARIABLES.flatMap((name) => (source[name] === undefined ? [] : [[name, source[name]]]));
  return Object.fromEntries(given) as BuilderEnvironment;
}

function retryOf(variables: DispatcherVariables): RetryLimits {
  const { IF_RETRY_ATTEMPTS: attempts, IF_RETRY_TOTAL_MINUTES: minutes, IF_RETRY_CLASS_ATTEMPTS: classes } = variables;
  const limits = {
    ...RETRY_DEFAULTS,
    maxAttempts: Number(attempts ?? RETRY_DEFAULTS.maxAttempts),
    maxTotalMs: minutes === undefined ? RETRY_DEFAULTS.maxTotalMs : Number(minutes) * 60_000,
  };
  return classes === undefined ? limits : withClassAttempts(limits, parseClassAttempts(classes) ?? {});
}
