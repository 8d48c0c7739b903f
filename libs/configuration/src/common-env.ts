import { resolve } from 'node:path';
import { parseCloudEndpoints } from '@image-factory/cluster-connectors';
import { CLOCK_DEFAULTS, Secret, type ClockLimits } from '@image-factory/domain';
import type { LogFormat, LogLevel } from '@image-factory/telemetry';
import { splitList } from './checks.js';
import type { CommonVariables } from './common-variables.js';

/** What every process is told by its environment. */
export interface CommonEnv {
  readonly databaseUrl: string;
  readonly loggerLevel: LogLevel;
  readonly loggerFormat: LogFormat;
  readonly dataDir: string;
  /** Undefined: made once and kept in `<dataDir>/encryption-keys`, the same for the processes of a machine. */
  readonly encryptionKeys: Secret | undefined;
  readonly tektonEnabled: boolean;
  readonly tektonKubeconfigPath: string | undefined;
  /** Directories below which `*_path` fields of providers may point. */
  readonly credentialDirs: readonly string[];
  readonly egressAllow: readonly string[];
  /** Origin of a cloud's API → origin where it is reached; none by default. */
  readonly cloudEndpoints?: Readonly<Record<string, string>>;
  readonly insecureRegistries: readonly string[];
  readonly otlpEndpoint: string | undefined;
  /** Where a pod finds its own cluster; undefined outside of one. */
  readonly inCluster: { readonly host: string; readonly port: number } | undefined;
}

/** The clocks that dispatchers keep; a build's own limits are on its row. */
export type DispatcherClocks = Pick<ClockLimits, 'placementSeconds' | 'sealSeconds' | 'lossMinutes'>;

/** Settings from variables that were found right. */
export function commonEnv(variables: CommonVariables): CommonEnv {
  const cloudEndpoints = parseCloudEndpoints(variables.IF_CLOUD_ENDPOINTS ?? '');
  return {
    databaseUrl: databaseUrlOf(variables),
    loggerLevel: (variables.IF_LOGGER_LEVEL ?? 'info') as LogLevel,
    loggerFormat: (variables.IF_LOGGER_FORMAT ?? 'json') as LogFormat,
    dataDir: resolve(variables.IF_DATA_DIR ?? '.image-factory'),
    encryptionKeys: secretOf(variables.IF_ENCRYPTION_KEYS),
    tektonEnabled: variables.IF_BUILD_TEKTON_ENABLED === 'true',
    tektonKubeconfigPath: variables.IF_BUILD_TEKTON_KUBECONFIG,
    credentialDirs: splitList(variables.IF_CREDENTIAL_DIRS),
    egressAllow: splitList(variables.IF_EGRESS_ALLOW),
    cloudEndpoints: typeof cloudEndpoints === 'string' ? {} : cloudEndpoints,
    insecureRegistries: splitList(variables.IF_INSECURE_REGISTRIES),
    otlpEndpoint: variables.IF_OTLP_ENDPOINT,
    inCluster:
      variables.KUBERNETES_SERVICE_HOST === undefined
        ? undefined
        : { host: variables.KUBERNETES_SERVICE_HOST, port: Number(variables.KUBERNETES_SERVICE_PORT ?? 443) },
  };
}

/** The dispatchers' clocks from variables that were found right. */
export function dispatcherClocks(variables: CommonVariables): DispatcherClocks {
  return {
    placementSeconds: Number(variables.IF_PLACEMENT_LIMIT_SECONDS ?? CLOCK_DEFAULTS.placementLimitSeconds),
    sealSeconds: Number(variables.IF_SEAL_LIMIT_SECONDS ?? CLOCK_DEFAULTS.sealLimitSeconds),
    lossMinutes: Number(variables.IF_LOSS_LIMIT_MINUTES ?? CLOCK_DEFAULTS.lossLimitMinutes),
  };
}

/** A value that is never printed; absent stays absent. */
export function secretOf(value: string | undefined): Secret | undefined {
  return value === undefined ? undefined : new Secret(value);
}

function databaseUrlOf(variables: CommonVariables): string {
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
