import { CommonVariables, flag, integer, text, Variable, type Check } from '@image-factory/configuration';

const adminKey: Check = (value) => {
  if (value.length < 32) return 'must be 32 or more characters';
  // RFC 6750, section 2.1: what may follow "Bearer ".
  return /^[A-Za-z0-9._~+/-]+=*$/.test(value) ? undefined : 'must be a bearer token: letters, digits and - . _ ~ + / =';
};

/** Every environment variable of the API, as text. */
export class ApiVariables extends CommonVariables {
  @Variable(integer(1, 500)) readonly IF_DATABASE_POOL_SIZE?: string;
  @Variable(text) readonly IF_SERVER_HOST?: string;
  @Variable(integer(0, 65_535)) readonly IF_SERVER_PORT?: string;
  @Variable(integer(0, 65_535)) readonly IF_API_METRICS_PORT?: string;
  @Variable(adminKey) readonly IF_BOOTSTRAP_ADMIN_KEY?: string;
  @Variable(flag) readonly IF_DISPATCHER_EMBEDDED?: string;
  @Variable(integer(1, 1_000_000)) readonly IF_RATE_LIMIT_PER_MINUTE?: string;
  @Variable(integer(1, 10_080)) readonly IF_QUEUE_LIMIT_MINUTES?: string;
  @Variable(integer(1, 1440)) readonly IF_START_LIMIT_MINUTES?: string;
  @Variable(integer(1, 10_080)) readonly IF_RUN_LIMIT_MINUTES?: string;
}
