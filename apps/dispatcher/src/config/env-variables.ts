import {
  absolutePath,
  CommonVariables,
  integer,
  listOf,
  splitList,
  text,
  Variable,
  type Check,
} from '@image-factory/configuration';
import { CLASS_ATTEMPTS_FORM, parseClassAttempts } from './retry-variables.js';
import { ADOPT_FORM, parseAdoptRules } from './source-variables.js';

const classAttempts: Check = (value) => (parseClassAttempts(value) === undefined ? CLASS_ATTEMPTS_FORM : undefined);
const adoptRules: Check = (value) => (parseAdoptRules(splitList(value)) === undefined ? ADOPT_FORM : undefined);

/** Every environment variable of the dispatcher, as text. */
export class DispatcherVariables extends CommonVariables {
  @Variable(integer(2, 500)) readonly IF_DATABASE_POOL_SIZE?: string;
  @Variable(text) readonly IF_DISPATCHER_HTTP_HOST?: string;
  @Variable(integer(0, 65_535)) readonly IF_DISPATCHER_HTTP_PORT?: string;
  @Variable(absolutePath) readonly IF_CONFIG_FILE?: string;
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
  @Variable(integer(0, 10_080)) readonly IF_DISCOVERY_MINUTES?: string;
  @Variable(listOf(/^[a-z]{2}[a-z-]{2,30}-\d$/, 'regions of AWS')) readonly IF_DISCOVERY_AWS_REGIONS?: string;
  @Variable(listOf(/^[a-z][a-z0-9.:-]{4,90}[a-z0-9]$/, 'ids of projects')) readonly IF_DISCOVERY_GCP_PROJECTS?: string;
  @Variable(listOf(/^(?:-|[a-z][a-z0-9-]{3,40})$/, 'regions or zones')) readonly IF_DISCOVERY_GCP_LOCATIONS?: string;
  @Variable(listOf(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'UUIDs of subscriptions'))
  readonly IF_DISCOVERY_AZURE_SUBSCRIPTIONS?: string;
  @Variable(adoptRules) readonly IF_DISCOVERY_ADOPT?: string;
  @Variable(text) readonly IF_LOCAL_WORKSPACE_DIR?: string;
  @Variable(text) readonly IF_LOCAL_HOST_ID?: string;
}
