import { type Clock, Secret } from '@image-factory/domain';
import type { EndingValue } from '../../broker/renewed-value.js';
import type { CloudCluster, DescribedCluster } from '../cloud-cluster.js';
import { cloudError } from '../cloud-error.js';
import type { CloudHttp } from '../cloud-http.js';
import { AwsIdentity, type AwsIdentityConfig } from './aws-identity.js';
import { type EksDescription, EksRegion } from './eks-region.js';
import { eksToken } from './eks-token.js';

/** Config of `eks-iam` (product.md), opened. */
export interface EksConfig extends AwsIdentityConfig {
  readonly clusterName: string;
  /** Instead of the described one; with `ca` too nothing is described. */
  readonly endpoint: string | undefined;
  readonly ca: string | undefined;
}

const SERVING: readonly (string | undefined)[] = ['ACTIVE', 'UPDATING'];

/** An EKS cluster, described and entered by an IAM identity: static keys or the default chain, then a role if given. */
export class EksCluster implements CloudCluster {
  readonly name: string;
  readonly #config: EksConfig;
  readonly #http: CloudHttp;
  readonly #clock: Clock;
  readonly #identity: AwsIdentity;

  constructor(config: EksConfig, http: CloudHttp, clock: Clock) {
    this.name = `EKS cluster ${config.clusterName} in ${config.region}`;
    this.#config = config;
    this.#http = http;
    this.#clock = clock;
    this.#identity = new AwsIdentity(this.name, config, http, clock);
  }

  async describe(signal: AbortSignal): Promise<DescribedCluster> {
    const { endpoint, ca, clusterName, region } = this.#config;
    if (endpoint !== undefined && ca !== undefined) return { server: endpoint, ca: new Secret(ca) };
    const eks = new EksRegion(region, await this.#identity.credentials(), this.#http);
    return describedCluster(this.name, await eks.describe(clusterName, signal), this.#config);
  }

  async mint(_signal: AbortSignal, refused: boolean): Promise<EndingValue<string>> {
    if (refused) this.#identity.forget();
    const { clusterName, region } = this.#config;
    return eksToken(clusterName, region, await this.#identity.credentials(), this.#clock.now());
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
