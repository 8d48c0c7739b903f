import type { EndingValue } from '../../broker/renewed-value.js';
import type { CloudCluster, DescribedCluster } from '../cloud-cluster.js';
import { cloudError } from '../cloud-error.js';
import type { CloudHttp, CloudJson } from '../cloud-http.js';
import { armError, azureTokenError } from './azure-error.js';
import { type AzureIdentity, azureToken } from './azure-token.js';
import { readUserKubeconfig } from './user-kubeconfig.js';

/** Config of `aks-managed-identity` (product.md), opened. */
export interface AksConfig {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly clusterName: string;
  readonly identity: AzureIdentity;
  /** Instead of the server that Azure names. */
  readonly endpoint: string | undefined;
}

/** The parts of a managed cluster (Microsoft.ContainerService) that decide anything. */
interface AksDescription {
  readonly properties?: {
    readonly provisioningState?: string;
    readonly powerState?: { readonly code?: string };
    readonly aadProfile?: { readonly managed?: boolean } | null;
    readonly apiServerAccessProfile?: {
      readonly enablePrivateCluster?: boolean;
      readonly authorizedIPRanges?: readonly string[];
    } | null;
  };
}

const ARM = 'https://management.azure.com';
/** Of Azure's API of managed clusters. */
export const AKS_API_VERSION = '2025-10-01';
/** The Entra application of every AKS API server. */
const SERVER_SCOPE = '6dae42f8-4368-4678-94ff-3960e28e3630/.default';
const NOT_SERVING: readonly string[] = ['Creating', 'Deleting', 'Canceled'];

/** An AKS cluster: Entra tokens where it takes them, else the credential of its local account. */
export class AksCluster implements CloudCluster {
  readonly name: string;
  readonly #config: AksConfig;
  readonly #http: CloudHttp;

  constructor(config: AksConfig, http: CloudHttp) {
    this.name = `AKS cluster ${config.clusterName} in ${config.resourceGroup}`;
    this.#config = config;
    this.#http = http;
  }

  async describe(signal: AbortSignal): Promise<DescribedCluster> {
    const { value: token } = await azureToken(this.name, this.#config.identity, `${ARM}/.default`, this.#http, signal);
    const managed = 'Microsoft.ContainerService/managedClusters';
    const cluster = await this.#ask('GET', '', token, signal);
    if (cluster.status !== 200) throw armError(cluster, this.name, 'describing it', `${managed}/read`);
    const { properties = {} } = (cluster.body ?? {}) as AksDescription;
    this.#refuseIdle(properties);
    const answer = await this.#ask('POST', '/listClusterUserCredential', token, signal, '&format=exec');
    if (answer.status !== 200) {
      throw armError(answer, this.name, 'getting its credential', `${managed}/listClusterUserCredential/action`);
    }
    const [first] = (answer.body as { kubeconfigs?: readonly { value?: string }[] } | undefined)?.kubeconfigs ?? [];
    const found = readUserKubeconfig(Buffer.from(first?.value ?? '', 'base64').toString('utf8'));
    const server = this.#config.endpoint ?? found.server;
    if (server === undefined) {
      throw cloudError('CloudUnavailable', `${this.name}: Azure names no server for it; it is tried again by itself.`);
    }
    const cure = privateCure(this.name, properties);
    const entra = properties.aadProfile != null;
    return {
      server,
      ca: found.ca,
      ...(entra || found.identity === undefined ? {} : { identity: found.identity }),
      ...(cure === undefined ? {} : { privateEndpoint: cure }),
    };
  }

  mint(signal: AbortSignal): Promise<EndingValue<string>> {
    return azureToken(this.name, this.#config.identity, SERVER_SCOPE, this.#http, signal);
  }

  #refuseIdle({ provisioningState, powerState }: NonNullable<AksDescription['properties']>): void {
    const stopped = powerState?.code === 'Stopped';
    if (!stopped && !NOT_SERVING.includes(provisioningState ?? '')) return;
    const cure = stopped ? 'start it (az aks start)' : 'wait until it is, or remove the provider';
    throw cloudError(
      'CloudClusterNotActive',
      `${this.name}: the cluster is ${stopped ? 'Stopped' : provisioningState}, not Running; ${cure}.`,
    );
  }

  async #ask(
    method: 'GET' | 'POST',
    action: string,
    token: string,
    signal: AbortSignal,
    query = '',
  ): Promise<CloudJson> {
    const { subscriptionId, resourceGroup, clusterName } = this.#config;
    const path = `/subscriptions/${subscriptionId}/resourceGroups/${encodeURIComponent(resourceGroup)}/providers/Microsoft.ContainerService/managedClusters/${clusterName}`;
    const url = `${ARM}${path}${action}?api-version=${AKS_API_VERSION}${query}`;
    return this.#http.json(method, url, token, signal).catch((error: unknown) => {
      throw azureTokenError(error, this.name);
    });
  }
}

function privateCure(name: string, properties: NonNullable<AksDescription['properties']>): string | undefined {
  const access = properties.apiServerAccessProfile;
  if (access?.enablePrivateCluster === true) {
    return `The endpoint of ${name} is private: run the dispatcher inside its network or one with a link to its private DNS zone.`;
  }
  if ((access?.authorizedIPRanges ?? []).length === 0) return undefined;
  return `The endpoint of ${name} takes connections from authorized addresses only: add that of the dispatcher.`;
}
