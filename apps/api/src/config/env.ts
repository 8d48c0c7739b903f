import { resolve } from 'node:path';
import { parseCloudEndpoints } from '@image-factory/cluster-connectors';
import { CLOCK_DEFAULTS, type ClockLimits, Secret } from '@image-factory/domain';
import type { LogFormat, LogLevel } from '@image-factory/telemetry';
import { validateSync } from 'class-validator';
import { ENV_NAMES, EnvVariables, splitList } from './env-variables.js';

/** Everything that the API process is told by its environment. */
export interface ApiEnv {
  readonly databaseUrl: string;
  readonly databasePoolSize: number;
  readonly serverHost: string;
  /** 0: any free port. */
  readonly serverPort: number;
  readonly metricsPort: number;
  readonly loggerLevel: LogLevel;
  readonly loggerFormat: LogFormat;
  readonly dataDir: string;
  /** Undefined: made once and kept in `<dataDir>/admin-key`. */
  readonly bootstrapAdminKey: Secret | undefined;
  /** Undefined: made once and kept in `<dataDir>/encryption-keys`. */
  readonly encryptionKeys: Secret | undefined;
  readonly tektonEnabled: boolean;
  readonly tektonKubeconfigPath: string | undefined;
  readonly credentialDirs: readonly string[];
  readonly egressAllow: readonly string[];
  /** Origin of a cloud's API → origin where it is reached; none by default. */
  readonly cloudEndpoints?: Readonly<Record<string, string>>;
  readonly insecureRegistries: readonly string[];
  readonly dispatcherEmbedded: boolean;
  /** Requests per minute and key. */
  readonly rateLimitPerMinute: number;
  /** Nobody names a higher limit; tenants, projects and builds may name lower ones. */
  readonly clocks: ClockLimits;
  readonly otlpEndpoint: string | undefined;
  /** Where a pod finds its own cluster; undefined outside of one. */
  readonly inCluster: { readonly host: string; readonly port: number } | undefined;
}

/** One variable that is wrong. The value is never repeated: it may be a secret. */
export interface EnvProblem {
  readonly name: string;
  readonly message: string;
}

export type EnvResult =
  | { readonly kind: 'valid'; readonly env: ApiEnv }
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
  const related = [...problems, ...relationProblems(variables)];
  return related.length > 0 ? { kind: 'invalid', problems: related } : { kind: 'valid', env: toEnv(variables) };
}

function relationProblems(variables: EnvVariables): EnvProblem[] {
  const problems: EnvProblem[] = [];
  if (variables.IF_DATABASE_URL === undefined && variables.IF_DATABASE_HOST === undefined) {
    problems.push({
      name: 'IF_DATABASE_URL',
      message: 'must be set (or IF_DATABASE_HOST and the other IF_DATABASE_* parts)',
    });
  }
  if (variables.IF_DATABASE_URL !== undefined && variables.IF_DATABASE_HOST !== undefined) {
    problems.push({ name: 'IF_DATABASE_HOST', message: 'must not be set beside IF_DATABASE_URL' });
  }
  if (
    variables.IF_SERVER_PORT !== undefined &&
    variables.IF_SERVER_PORT !== '0' &&
    variables.IF_SERVER_PORT === variables.IF_API_METRICS_PORT
  ) {
    problems.push({ name: 'IF_API_METRICS_PORT', message: 'must not be the port of IF_SERVER_PORT' });
  }
  return problems;
}

function toEnv(variables: EnvVariables): ApiEnv {
  return {
    databaseUrl: databaseUrlOf(variables),
    databasePoolSize: Number(variables.IF_DATABASE_POOL_SIZE ?? 10),
    serverHost: variables.IF_SERVER_HOST ?? '127.0.0.1',
    serverPort: Number(variables.IF_SERVER_PORT ?? 8080),
    metricsPort: Number(variables.IF_API_METRICS_PORT ?? 9464),
    loggerLevel: (variables.IF_LOGGER_LEVEL ?? 'info') as LogLevel,
    loggerFormat: (variables.IF_LOGGER_FORMAT ?? 'json') as LogFormat,
    dataDir: resolve(variables.IF_DATA_DIR ?? '.image-factory'),
    bootstrapAdminKey: toSecret(variables.IF_BOOTSTRAP_ADMIN_KEY),
    encryptionKeys: toSecret(variables.IF_ENCRYPTION_KEYS),
    tektonEnabled: variables.IF_BUILD_TEKTON_ENABLED === 'true',
    tektonKubeconfigPath: variables.IF_BUILD_TEKTON_KUBECONFIG,
    credentialDirs: splitList(variables.IF_CREDENTIAL_DIRS),
    egressAllow: splitList(variables.IF_EGRESS_ALLOW),
    cloudEndpoints: cloudEndpointsOf(variables.IF_CLOUD_ENDPOINTS),
    insecureRegistries: splitList(variables.IF_INSECURE_REGISTRIES),
    dispatcherEmbedded: variables.IF_DISPATCHER_EMBEDDED === 'true',
    rateLimitPerMinute: Number(variables.IF_RATE_LIMIT_PER_MINUTE ?? 6000),
    clocks: clocksOf(variables),
    otlpEndpoint: variables.IF_OTLP_ENDPOINT,
    inCluster:
      variables.KUBERNETES_SERVICE_HOST === undefined
        ? undefined
        : { host: variables.KUBERNETES_SERVICE_HOST, port: Number(variables.KUBERNETES_SERVICE_PORT ?? 443) },
  };
}

function clocksOf(variables: EnvVariables): ClockLimits {
  return {
    queueMinutes: Number(variables.IF_QUEUE_LIMIT_MINUTES ?? CLOCK_DEFAULTS.queueTimeoutMinutes),
    placementSeconds: Number(variables.IF_PLACEMENT_LIMIT_SECONDS ?? CLOCK_DEFAULTS.placementLimitSeconds),
    startMinutes: Number(variables.IF_START_LIMIT_MINUTES ?? CLOCK_DEFAULTS.startLimitMinutes),
    runMinutes: Number(variables.IF_RUN_LIMIT_MINUTES ?? CLOCK_DEFAULTS.mostRunMinutes),
    sealSeconds: Number(variables.IF_SEAL_LIMIT_SECONDS ?? CLOCK_DEFAULTS.sealLimitSeconds),
    lossMinutes: Number(variables.IF_LOSS_LIMIT_MINUTES ?? CLOCK_DEFAULTS.lossLimitMinutes),
  };
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

function toSecret(value: string | undefined): Secret | undefined {
  return value === undefined ? undefined : new Secret(value);
}

function cloudEndpointsOf(value: string | undefined): Readonly<Record<string, string>> {
  const parsed = parseCloudEndpoints(value ?? '');
  return typeof parsed === 'string' ? {} : parsed;
}
