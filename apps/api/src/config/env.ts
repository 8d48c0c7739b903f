import {
  commonEnv,
  dispatcherClocks,
  readVariables,
  secretOf,
  type CommonEnv,
  type EnvProblem,
  type EnvResult,
  type EnvSource,
} from '@image-factory/configuration';
import { CLOCK_DEFAULTS, type ClockLimits, type Secret } from '@image-factory/domain';
import { ApiVariables } from './env-variables.js';

/** Everything that the API process is told by its environment. */
export interface ApiEnv extends CommonEnv {
  readonly databasePoolSize: number;
  readonly serverHost: string;
  /** 0: any free port. */
  readonly serverPort: number;
  readonly metricsPort: number;
  /** Undefined: made once and kept in `<dataDir>/admin-key`. */
  readonly bootstrapAdminKey: Secret | undefined;
  readonly dispatcherEmbedded: boolean;
  /** Requests per minute and key. */
  readonly rateLimitPerMinute: number;
  /** Nobody names a higher limit; tenants, projects and builds may name lower ones. */
  readonly clocks: ClockLimits;
}

/** Reads and checks the whole environment; every problem is reported at once. Empty values count as absent. */
export function readEnv(source: EnvSource = process.env): EnvResult<ApiEnv> {
  const { variables, problems } = readVariables(ApiVariables, source);
  const all = [...problems, ...portProblems(variables)];
  return all.length > 0 ? { kind: 'invalid', problems: all } : { kind: 'valid', env: toEnv(variables) };
}

function portProblems({ IF_SERVER_PORT: port, IF_API_METRICS_PORT: metricsPort }: ApiVariables): EnvProblem[] {
  if (port === undefined || port === '0' || port !== metricsPort) return [];
  return [{ name: 'IF_API_METRICS_PORT', message: 'must not be the port of IF_SERVER_PORT' }];
}

function toEnv(variables: ApiVariables): ApiEnv {
  return {
    ...commonEnv(variables),
    databasePoolSize: Number(variables.IF_DATABASE_POOL_SIZE ?? 10),
    serverHost: variables.IF_SERVER_HOST ?? '127.0.0.1',
    serverPort: Number(variables.IF_SERVER_PORT ?? 8080),
    metricsPort: Number(variables.IF_API_METRICS_PORT ?? 9464),
    bootstrapAdminKey: secretOf(variables.IF_BOOTSTRAP_ADMIN_KEY),
    dispatcherEmbedded: variables.IF_DISPATCHER_EMBEDDED === 'true',
    rateLimitPerMinute: Number(variables.IF_RATE_LIMIT_PER_MINUTE ?? 6000),
    clocks: {
      ...dispatcherClocks(variables),
      queueMinutes: Number(variables.IF_QUEUE_LIMIT_MINUTES ?? CLOCK_DEFAULTS.queueTimeoutMinutes),
      startMinutes: Number(variables.IF_START_LIMIT_MINUTES ?? CLOCK_DEFAULTS.startLimitMinutes),
      runMinutes: Number(variables.IF_RUN_LIMIT_MINUTES ?? CLOCK_DEFAULTS.mostRunMinutes),
    },
  };
}
