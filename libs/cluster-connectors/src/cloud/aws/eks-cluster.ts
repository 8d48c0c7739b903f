import { type Clock, Secret } from '@image-factory/domain';
import type { EndingValue } from '../../broker/renewed-value.js';
import type { CloudCluster, DescribedCluster } from '../cloud-cluster.js';
import { cloudError } from '../cloud-error.js';
import type { CloudHttp } from '../cloud-http.js';
import { awsError, type AwsAttempt } from './aws-error.js';
import { awsHandler } from './aws-handler.js';
import { type AwsKeys, eksToken } from './eks-token.js';

/** Config of `eks-iam` (product.md), opened. */
export interface EksConfig {
  readonly clusterName: string;
  readonly region: string;
  readonly roleArn: string | undefined;
  readonly externalId: string | undefined;
  /** Instead of the default chain. */
  readonly keys: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  /** Instead of the described one; with `ca` too nothing is described. */
  readonly endpoint: string | undefined;
  readonly ca: string | undefined;
}

type Loaded = Awaited<ReturnType<typeof loadSdk>>;

/** A role's session is renewed this long before its end: longer than a token lives, so that none is cut short. */
const ROLE_MARGIN_MS = 16 * 60_000;
const ROLE_SECONDS = 3_600;
const SERVING: readonly (string | undefined)[] = ['ACTIVE', 'UPDATING'];

/** An EKS cluster, described and entered by an IAM identity: static keys or the default chain, then a role if given. */
export class EksCluster implements CloudCluster {
  readonly name: string;
  readonly #config: EksConfig;
  readonly #http: CloudHttp;
  readonly #clock: Clock;
  #chain: (() => Promise<AwsKeys>) | undefined;
  #role: AwsKeys | undefined;

  constructor(config: EksConfig, http: CloudHttp, clock: Clock) {
    this.name = `EKS cluster ${config.clusterName} in ${config.region}`;
    this.#config = config;
    this.#http = http;
    this.#clock = clock;
  }

  async describe(signal: AbortSignal): Promise<DescribedCluster> {
    const { endpoint, ca, clusterName } = this.#config;
    if (endpoint !== undefined && ca !== undefined) return { server: endpoint, ca: new Secret(ca) };
    const sdk = await loadSdk();
    const credentials = await this.#credentials(sdk);
    const client = new sdk.EKSClient({ ...this.#clientConfig(), credentials });
    try {
      const { cluster } = await client.send(new sdk.DescribeClusterCommand({ name: clusterName }), {
        abortSignal: signal,
      });
      return describedCluster(this.name, cluster, this.#config);
    } catch (error) {
      throw awsError(error, this.#attempt('describe'));
    }
    // The client is not destroyed: that would end what others have under way on the agents that all share.
  }

  async mint(): Promise<EndingValue<string>> {
    const keys = await this.#credentials(await loadSdk());
    return eksToken(this.#config.clusterName, this.#config.region, keys, this.#clock.now());
  }

  /** Keys that sign; a role's session is kept until {@link ROLE_MARGIN_MS} before its end. */
  async #credentials(sdk: Loaded): Promise<AwsKeys> {
    const { roleArn } = this.#config;
    if (roleArn === undefined) return this.#ownCredentials(sdk);
    const leftMs = (this.#role?.expiration?.getTime() ?? 0) - this.#clock.now().getTime();
    if (this.#role === undefined || leftMs < ROLE_MARGIN_MS) this.#role = await this.#assume(sdk, roleArn);
    return this.#role;
  }

  async #ownCredentials(sdk: Loaded): Promise<AwsKeys> {
    if (this.#config.keys !== undefined) return this.#config.keys;
    this.#chain ??= sdk.fromNodeProviderChain({ clientConfig: this.#clientConfig() });
    try {
      return await this.#chain();
    } catch (error) {
      throw awsError(error, this.#attempt('credentials'));
    }
  }

  async #assume(sdk: Loaded, roleArn: string): Promise<AwsKeys> {
    const own = await this.#ownCredentials(sdk);
    const { externalId, region } = this.#config;
    const assume = sdk.fromTemporaryCredentials({
      masterCredentials: own,
      params: {
        RoleArn: roleArn,
        RoleSessionName: 'image-factory',
        DurationSeconds: ROLE_SECONDS,
        ...(externalId === undefined ? {} : { ExternalId: externalId }),
      },
      clientConfig: { ...this.#clientConfig(), region },
    });
    try {
      return await assume();
    } catch (error) {
      throw awsError(error, this.#attempt('role'));
    }
  }

  /** Two tries at most: the broker backs off by itself. */
  #clientConfig() {
    return { region: this.#config.region, maxAttempts: 2, requestHandler: awsHandler(this.#http) };
  }

  #attempt(doing: AwsAttempt['doing']): AwsAttempt {
    return { cluster: this.name, doing, roleArn: this.#config.roleArn };
  }
}

/** Only what a process with an EKS cluster needs is loaded, when it is. */
async function loadSdk() {
  const [eks, providers] = await Promise.all([import('@aws-sdk/client-eks'), import('@aws-sdk/credential-providers')]);
  const { EKSClient, DescribeClusterCommand } = eks;
  const { fromNodeProviderChain, fromTemporaryCredentials } = providers;
  return { EKSClient, DescribeClusterCommand, fromNodeProviderChain, fromTemporaryCredentials };
}

interface EksDescription {
  readonly status?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly certificateAuthority?: { readonly data?: string | undefined } | undefined;
  readonly resourcesVpcConfig?:
    | {
        readonly endpointPublicAccess?: boolean | undefined;
        readonly publicAccessCidrs?: readonly string[] | undefined;
      }
    | undefined;
}

function describedCluster(name: string, cluster: EksDescription | undefined, config: EksConfig): DescribedCluster {
  const status = cluster?.status;
  const server = config.endpoint ?? cluster?.endpoint;
  const data = cluster?.certificateAuthority?.data;
  if (!SERVING.includes(status) || server === undefined || data === undefined) {
    throw cloudError(
      'CloudClusterNotActive',
      `${name}: the cluster is ${status ?? 'of unknown status'}, not ACTIVE; wait until it is, or remove the provider.`,
    );
  }
  const ca = new Secret(config.ca ?? Buffer.from(data, 'base64').toString('utf8'));
  const cure = privateCure(name, cluster?.resourcesVpcConfig);
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
