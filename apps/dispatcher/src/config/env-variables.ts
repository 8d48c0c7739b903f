import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { applyDecorators } from '@nestjs/common';
import { parseCloudEndpoints } from '@image-factory/cluster-connectors';
import { parseEncryptionKeys } from '@image-factory/persistence';
import { LOG_FORMATS, LOG_LEVELS } from '@image-factory/telemetry';
import { ValidateBy, ValidateIf } from 'class-validator';
import { CLASS_ATTEMPTS_FORM, parseClassAttempts } from './retry-variables.js';
import { ADOPT_FORM, parseAdoptRules } from './source-variables.js';

/** What is wrong with a value, or undefined. */
type Check = (value: string) => string | undefined;

/** A variable that may be absent; when it is there it must be right. */
function Variable(check: Check): PropertyDecorator {
  return applyDecorators(
    ValidateIf((_object, value) => value !== undefined),
    ValidateBy({
      name: 'variable',
      validator: {
        validate: (value: unknown) => check(String(value)) === undefined,
        defaultMessage: (args) => check(String(args?.value)) ?? '',
      },
    }),
  );
}

const text: Check = (value) => (value.trim() === '' ? 'must not be empty; leave it out instead' : undefined);
const choice =
  (choices: readonly string[]): Check =>
  (value) =>
    choices.includes(value) ? undefined : `must be one of ${choices.join(', ')}`;
const flag = choice(['true', 'false']);
const integer =
  (minimum: number, maximum: number): Check =>
  (value) =>
    /^\d{1,10}$/.test(value) && Number(value) >= minimum && Number(value) <= maximum
      ? undefined
      : `must be an integer from ${minimum} to ${maximum}`;
const url =
  (...protocols: string[]): Check =>
  (value) =>
    URL.canParse(value) && protocols.includes(new URL(value).protocol)
      ? undefined
      : `must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`;

const encryptionKeys: Check = (value) => {
  try {
    parseEncryptionKeys(value);
    return undefined;
  } catch {
    return 'must be a list of id:base64 of 32 bytes, with commas between';
  }
};

const readableFile: Check = (value) => {
  try {
    readFileSync(value);
    return undefined;
  } catch {
    return 'must be the path of a file that can be read';
  }
};

const absolutePath: Check = (value) => (isAbsolute(value) ? undefined : 'must be an absolute path');

const directories: Check = (value) => {
  const wrong = splitList(value).filter((path) => !isAbsolute(path) || !existsSync(path));
  return wrong.length === 0 ? undefined : `must be absolute paths of directories that exist: ${wrong.join(', ')}`;
};

const classAttempts: Check = (value) => (parseClassAttempts(value) === undefined ? CLASS_ATTEMPTS_FORM : undefined);

const listOf =
  (form: RegExp, what: string): Check =>
  (value) => {
    const wrong = splitList(value).filter((item) => !form.test(item));
    return wrong.length === 0 ? undefined : `must be ${what}, with commas between`;
  };
const adoptRules: Check = (value) => (parseAdoptRules(splitList(value)) === undefined ? ADOPT_FORM : undefined);
const cloudEndpoints: Check = (value) => {
  const parsed = parseCloudEndpoints(value);
  return typeof parsed === 'string' ? parsed : undefined;
};

/** A list with commas between. */
export function splitList(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** Every environment variable of the dispatcher, as text. */
export class EnvVariables {
  @Variable(url('postgres:', 'postgresql:')) readonly IF_DATABASE_URL?: string;
  @Variable(text) readonly IF_DATABASE_HOST?: string;
  @Variable(integer(1, 65_535)) readonly IF_DATABASE_PORT?: string;
  @Variable(text) readonly IF_DATABASE_NAME?: string;
  @Variable(text) readonly IF_DATABASE_USER?: string;
  @Variable(text) readonly IF_DATABASE_PASSWORD?: string;
  @Variable(flag) readonly IF_DATABASE_SSL?: string;
  @Variable(integer(2, 500)) readonly IF_DATABASE_POOL_SIZE?: string;
  @Variable(text) readonly IF_DISPATCHER_HTTP_HOST?: string;
  @Variable(integer(0, 65_535)) readonly IF_DISPATCHER_HTTP_PORT?: string;
  @Variable(choice(LOG_LEVELS)) readonly IF_LOGGER_LEVEL?: string;
  @Variable(choice(LOG_FORMATS)) readonly IF_LOGGER_FORMAT?: string;
  @Variable(text) readonly IF_DATA_DIR?: string;
  @Variable(encryptionKeys) readonly IF_ENCRYPTION_KEYS?: string;
  @Variable(flag) readonly IF_BUILD_TEKTON_ENABLED?: string;
  @Variable(readableFile) readonly IF_BUILD_TEKTON_KUBECONFIG?: string;
  @Variable(flag) readonly IF_BUILD_TEKTON_IN_CLUSTER?: string;
  @Variable(absolutePath) readonly IF_CONFIG_FILE?: string;
  @Variable(directories) readonly IF_CREDENTIAL_DIRS?: string;
  @Variable(text) readonly IF_EGRESS_ALLOW?: string;
  @Variable(cloudEndpoints) readonly IF_CLOUD_ENDPOINTS?: string;
  @Variable(text) readonly IF_INSECURE_REGISTRIES?: string;
  @Variable(integer(1, 100_000)) readonly IF_DISPATCHER_SLOTS?: string;
  @Variable(integer(500, 600_000)) readonly IF_DISPATCHER_LEASE_MS?: string;
  @Variable(integer(100, 100_000)) readonly IF_DISPATCHER_HEARTBEAT_MS?: string;
  @Variable(integer(50, 60_000)) readonly IF_DISPATCHER_POLL_MS?: string;
  @Variable(integer(1_000, 3_600_000)) readonly IF_HEALTH_INTERVAL_MS?: string;
  @Variable(integer(100, 600_000)) readonly IF_HEALTH_TIMEOUT_MS?: string;
  @Variable(integer(1, 10_000)) readonly IF_CLUSTER_RATE_FLOOR?: string;
  @Variable(integer(1, 100_000)) readonly IF_CLUSTER_RATE_CEILING?: string;
  @Variable(integer(13, 1_000)) readonly IF_CLUSTER_REQUESTS_AT_ONCE?: string;
  @Variable(integer(1, 10_000_000)) readonly IF_CLUSTER_MAX_UNSWEPT?: string;
  @Variable(integer(0, 31_536_000)) readonly IF_RUN_RETENTION_SECONDS?: string;
  @Variable(integer(1, 36_500)) readonly IF_LOG_RETENTION_DAYS?: string;
  @Variable(integer(1, 100)) readonly IF_RETRY_ATTEMPTS?: string;
  @Variable(classAttempts) readonly IF_RETRY_CLASS_ATTEMPTS?: string;
  @Variable(integer(1, 43_200)) readonly IF_RETRY_TOTAL_MINUTES?: string;
  @Variable(integer(10, 3_600)) readonly IF_PLACEMENT_LIMIT_SECONDS?: string;
  @Variable(integer(10, 3_600)) readonly IF_SEAL_LIMIT_SECONDS?: string;
  @Variable(integer(1, 10_080)) readonly IF_LOSS_LIMIT_MINUTES?: string;
  @Variable(integer(0, 10_080)) readonly IF_DISCOVERY_MINUTES?: string;
  @Variable(listOf(/^[a-z]{2}[a-z-]{2,30}-\d$/, 'regions of AWS')) readonly IF_DISCOVERY_AWS_REGIONS?: string;
  @Variable(listOf(/^[a-z][a-z0-9.:-]{4,90}[a-z0-9]$/, 'ids of projects')) readonly IF_DISCOVERY_GCP_PROJECTS?: string;
  @Variable(listOf(/^(?:-|[a-z][a-z0-9-]{3,40})$/, 'regions or zones')) readonly IF_DISCOVERY_GCP_LOCATIONS?: string;
  @Variable(listOf(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'UUIDs of subscriptions'))
  readonly IF_DISCOVERY_AZURE_SUBSCRIPTIONS?: string;
  @Variable(adoptRules) readonly IF_DISCOVERY_ADOPT?: string;
  @Variable(url('http:', 'https:')) readonly IF_OTLP_ENDPOINT?: string;
  @Variable(text) readonly IF_LOCAL_WORKSPACE_DIR?: string;
  @Variable(text) readonly IF_LOCAL_HOST_ID?: string;
}

/** Names of all variables. */
export const ENV_NAMES = Object.keys(new EnvVariables()) as (keyof EnvVariables)[];
