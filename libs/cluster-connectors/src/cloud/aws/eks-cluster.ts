import { type Clock, Secret } from '@image-factory/domain';
import type { EndingValue } from '../../broker/renewed-value.js';
import type { CloudCluster, DescribedCluster } from '../cloud-cluster.js';
import { cloudError } from '../cloud-error.js';
import type { CloudHttp } from '../cloud-http.js';
import { awsCredentials, type AwsIdentityConfig } from './aws-identity.js';
import { type EksDescription, EksRegion } from './eks-region.js';
import { type AwsKeys, eksToken } from './eks-token.js';

/** Config of `eks-iam` (product.md), opened. */
export interface EksConfig extends AwsIdentityConfig {
  readonly clusterName: string;
  /** Instead of the described one; with `ca` too nothing is described. */
  readonly endpoint: string | undefined;
  readonly ca: string | undefined;
}

const SERVING: readonly (string | undefined)[] = ['ACTIVE', 'UPDATING'];

/** A role's session is renewed this long before its end: longer than a token lives, so that none is cut short. */
const ROLE_MARGIN_MS = 16 * 60_000;
/** So much of the life of a chain's keys is kept back, for requests that are under way and clocks that differ. */
const MARGIN_MS = 60_000;
/** Keys that do not end are asked for anew so often: a file of the chain may hold others by then. */
const KEYS_LIFE_MS = 60 * 60_000;

/** An EKS cluster, described and entered by an IAM identity: static keys or the default chain, then a role if given. */
export class EksCluster implements CloudCluster<AwsKeys> {
  readonly name: string;
  readonly #config: EksConfig;
  readonly #http: CloudHttp;
  readonly #clock: Clock;

  constructor(config: EksConfig, http: CloudHttp, clock: Clock) {
    this.name = `EKS cluster ${config.clusterName} in ${config.region}`;
    this.#config = config;
    this.#http = http;
    this.#clock = clock;
  }

  async authenticate(): Promise<EndingValue<AwsKeys>> {
    const value = await awsCredentials(this.name, this.#config, this.#http);
    const nowMs = this.#clock.now().getTime();
    const marginMs = this.#config.roleArn === undefined ? MARGIN_MS : ROLE_MARGIN_MS;
    const endMs = value.expiration === undefined ? Infinity : value.expiration.getTime() - marginMs;
    return { value, expiresAt: new Date(Math.min(endMs, nowMs + KEYS_LIFE_MS)) };
  }

  async describe(keys: () => Promise<AwsKeys>, signal: AbortSignal): Promise<DescribedCluster> {
    const { endpoint, ca, clusterName, region } = this.#config;
    if (endpoint !== undefined && ca !== undefined) return { server: endpoint, ca: new Secret(ca) };
    const eks = new EksRegion(region, await keys(), this.#http);
    return describedCluster(this.name, await eks.describe(clusterName, signal), this.#config);
  }

  async mint(keys: () => Promise<AwsKeys>): Promise<EndingValue<string>> {
    const { clusterName, region } = this.#config;
    return eksToken(clusterName, region, await keys(), this.#clock.now());
  }
}

function describedCluster(name: string, cluster: EksDescription, config: EksConfig): DescribedCluster {
  const status = cluster.status;
  const server = config.endpoint ?? cluster.endpoint;
  const data = cluster.certificateAuthority?.data;
  if (!SERVING.includes(status) || server === undefined || data === undefined) {
    throw cloudError(
      'CloudClusterNotActive',
      `${name}: the cluster is ${status ?? 'of unknown status'}, not ACTIVE; wait until it is, or remove the provider.`,
    );
  }
  const ca = new Secret(config.ca ?? Buffer.from(data, 'base64').toString('utf8'));
  const cure = privateCure(name, cluster.resourcesVpcConfig);
  return { server: server.replace(/\/+$/, ''), ca, ...(cure === undefined ? {} : { privateEndpoint: cure }) };
}

function privateCure(name: string, vpc: EksDescription['resourcesVpcConfig']): string | undefined {
  if (vpc?.endpointPublicAccess === false) {
    return `The endpoint of ${name} is private: run the dispatcher inside its VPC or a network peered with it, or enable the public endpoint.`;
  }
  const cidrs = vpc?.publicAccessCidrs ?? [];
  if (cidrs.length === 0 || cidrs.includes('0.0.0.0/0')) return undefined;
  return `The endpoint of ${name} takes connections from some addresses only: add that of the dispatcher to its publicAccessCidrs.`;
}
