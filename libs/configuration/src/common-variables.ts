import { parseCloudEndpoints } from '@image-factory/cluster-connectors';
import { parseEncryptionKeys } from '@image-factory/persistence';
import { LOG_FORMATS, LOG_LEVELS } from '@image-factory/telemetry';
import { choice, directories, flag, integer, readableFile, text, url } from './checks.js';
import { Variable, type Check } from './variable.js';

const encryptionKeys: Check = (value) => {
  try {
    parseEncryptionKeys(value);
    return undefined;
  } catch {
    return 'must be a list of id:base64 of 32 bytes, with commas between';
  }
};

const cloudEndpoints: Check = (value) => {
  const parsed = parseCloudEndpoints(value);
  return typeof parsed === 'string' ? parsed : undefined;
};

/** The environment variables of every process, as text. Empty ones count as absent. */
export class CommonVariables {
  @Variable(url('postgres:', 'postgresql:')) readonly IF_DATABASE_URL?: string;
  @Variable(text) readonly IF_DATABASE_HOST?: string;
  @Variable(integer(1, 65_535)) readonly IF_DATABASE_PORT?: string;
  @Variable(text) readonly IF_DATABASE_NAME?: string;
  @Variable(text) readonly IF_DATABASE_USER?: string;
  @Variable(text) readonly IF_DATABASE_PASSWORD?: string;
  @Variable(flag) readonly IF_DATABASE_SSL?: string;
  @Variable(choice(LOG_LEVELS)) readonly IF_LOGGER_LEVEL?: string;
  @Variable(choice(LOG_FORMATS)) readonly IF_LOGGER_FORMAT?: string;
  @Variable(text) readonly IF_DATA_DIR?: string;
  @Variable(encryptionKeys) readonly IF_ENCRYPTION_KEYS?: string;
  @Variable(flag) readonly IF_BUILD_TEKTON_ENABLED?: string;
  @Variable(readableFile) readonly IF_BUILD_TEKTON_KUBECONFIG?: string;
  @Variable(directories) readonly IF_CREDENTIAL_DIRS?: string;
  @Variable(text) readonly IF_EGRESS_ALLOW?: string;
  @Variable(cloudEndpoints) readonly IF_CLOUD_ENDPOINTS?: string;
  @Variable(text) readonly IF_INSECURE_REGISTRIES?: string;
  @Variable(integer(10, 3_600)) readonly IF_PLACEMENT_LIMIT_SECONDS?: string;
  @Variable(integer(10, 3_600)) readonly IF_SEAL_LIMIT_SECONDS?: string;
  @Variable(integer(1, 10_080)) readonly IF_LOSS_LIMIT_MINUTES?: string;
  @Variable(url('http:', 'https:')) readonly IF_OTLP_ENDPOINT?: string;
  /** Set by Kubernetes in every pod. */
  @Variable(text) readonly KUBERNETES_SERVICE_HOST?: string;
  @Variable(integer(1, 65_535)) readonly KUBERNETES_SERVICE_PORT?: string;
}
