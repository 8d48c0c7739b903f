import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { ValidateBy, ValidateIf } from 'class-validator';
import { applyDecorators } from '@nestjs/common';
import { LOG_FORMATS, LOG_LEVELS } from '@image-factory/telemetry';
import { parseCloudEndpoints } from '@image-factory/cluster-connectors';
import { parseEncryptionKeys } from '@image-factory/persistence';

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

const adminKey: Check = (value) => {
  if (value.length < 32) return 'must be 32 or more characters';
  // RFC 6750, section 2.1: what may follow "Bearer ".
  return /^[A-Za-z0-9._~+/-]+=*$/.test(value) ? undefined : 'must be a bearer token: letters, digits and - . _ ~ + / =';
};

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

const directories: Check = (value) => {
  const wrong = splitList(value).filter((path) => !isAbsolute(path) || !existsSync(path));
  return wrong.length === 0 ? undefined : `must be absolute paths of directories that exist: ${wrong.join(', ')}`;
};

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

/** Every environment variable of the API, as text. */
export class EnvVariables {
  @Variable(url('postgres:', 'postgresql:')) readonly IF_DATABASE_URL?: string;
  @Variable(text) readonly IF_DATABASE_HOST?: string;
  @Variable(integer(1, 65_535)) readonly IF_DATABASE_PORT?: string;
  @Variable(text) readonly IF_DATABASE_NAME?: string;
  @Variable(text) readonly IF_DATABASE_USER?: string;
  @Variable(text) readonly IF_DATABASE_PASSWORD?: string;
  @Variable(flag) readonly IF_DATABASE_SSL?: string;
  @Variable(integer(1, 500)) readonly IF_DATABASE_POOL_SIZE?: string;
  @Variable(text) readonly IF_SERVER_HOST?: string;
  @Variable(integer(0, 65_535)) readonly IF_SERVER_PORT?: string;
  @Variable(integer(0, 65_535)) readonly IF_API_METRICS_PORT?: string;
  @Variable(choice(LOG_LEVELS)) readonly IF_LOGGER_LEVEL?: string;
  @Variable(choice(LOG_FORMATS)) readonly IF_LOGGER_FORMAT?: string;
  @Variable(text) readonly IF_DATA_DIR?: string;
  @Variable(adminKey) readonly IF_BOOTSTRAP_ADMIN_KEY?: string;
  @Variable(encryptionKeys) readonly IF_ENCRYPTION_KEYS?: string;
  @Variable(flag) readonly IF_BUILD_TEKTON_ENABLED?: string;
  @Variable(readableFile) readonly IF_BUILD_TEKTON_KUBECONFIG?: string;
  @Variable(directories) readonly IF_CREDENTIAL_DIRS?: string;
  @Variable(text) readonly IF_EGRESS_ALLOW?: string;
  @Variable(cloudEndpoints) readonly IF_CLOUD_ENDPOINTS?: string;
  @Variable(text) readonly IF_INSECURE_REGISTRIES?: string;
  @Variable(flag) readonly IF_DISPATCHER_EMBEDDED?: string;
  @Variable(integer(1, 1_000_000)) readonly IF_RATE_LIMIT_PER_MINUTE?: string;
  @Variable(integer(1, 10_080)) readonly IF_QUEUE_LIMIT_MINUTES?: string;
  @Variable(integer(1, 1440)) readonly IF_START_LIMIT_MINUTES?: string;
  @Variable(integer(1, 10_080)) readonly IF_RUN_LIMIT_MINUTES?: string;
  @Variable(integer(10, 3_600)) readonly IF_PLACEMENT_LIMIT_SECONDS?: string;
  @Variable(integer(10, 3_600)) readonly IF_SEAL_LIMIT_SECONDS?: string;
  @Variable(integer(1, 10_080)) readonly IF_LOSS_LIMIT_MINUTES?: string;
  @Variable(url('http:', 'https:')) readonly IF_OTLP_ENDPOINT?: string;
  /** Set by Kubernetes in every pod. */
  @Variable(text) readonly KUBERNETES_SERVICE_HOST?: string;
  @Variable(integer(1, 65_535)) readonly KUBERNETES_SERVICE_PORT?: string;
}

/** Names of all variables. */
export const ENV_NAMES = Object.keys(new EnvVariables()) as (keyof EnvVariables)[];
