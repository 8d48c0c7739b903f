import type { EndingValue } from '../../broker/renewed-value.js';
import type { CloudCluster, DescribedCluster } from '../cloud-cluster.js';
import { cloudError } from '../cloud-error.js';
import type { CloudHttp } from '../cloud-http.js';
import { askArm, type ArmRequest } from './arm-api.js';
import { AZURE_CLOUDS } from './azure-clouds.js';
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

/** The Entra application of every AKS API server. */
const SERVER_SCOPE = '6dae42f8-4368-4678-94ff-3960e28e3630/.default';
const NOT_SERVING: readonly string[] = ['Creating', 'Deleting', 'Canceled'];

/** An AKS cluster: Entra tokens where it takes them, else the credential of its local account. */
export class AksCluster implements CloudCluster<string> {
  readonly name: string;
  readonly #config: AksConfig;
  readonly #http: CloudHttp;

  constructor(config: AksConfig, http: CloudHttp) {
    this.name = `AKS cluster ${config.clusterName} in ${config.resourceGroup}`;
    this.#config = config;
    this.#http = http;
  }

  authenticate(signal: AbortSignal): Promise<EndingValue<string>> {
    const scope = `${AZURE_CLOUDS[this.#config.identity.cloud].arm}/.default`;
    return azureToken(this.name, this.#config.identity, scope, this.#http, signal);
  }

  async describe(credential: () => Promise<string>, signal: AbortSignal): Promise<DescribedCluster> {
    const token = await credential();
    const ask = (doing: string, right: string, request: Omit<ArmRequest, 'cloud' | 'path'>, action = '') =>
      this.#ask(request, action, token, { doing, right }, signal);
    const { properties = {} }: AksDescription = await ask('describing it', 'read', { method: 'GET' });
    this.#refuseIdle(properties);
    const action = 'listClusterUserCredential';
    const answer: { readonly kubeconfigs?: readonly { readonly value?: string }[] } = await ask(
      'getting its credential',
      `${action}/action`,
      { method: 'POST', query: '&format=exec' },
      `/${action}`,
    );
    const [first] = answer.kubeconfigs ?? [];
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

  mint(_credential: () => Promise<string>, signal: AbortSignal): Promise<EndingValue<string>> {
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

  #ask(
    request: Omit<ArmRequest, 'cloud' | 'path'>,
    action: string,
    token: string,
    { doing, right }: { readonly doing: string; readonly right: string },
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, unknown>>> {
    const { subscriptionId, resourceGroup, clusterName, identity } = this.#config;
    const managed = 'Microsoft.ContainerService/managedClusters';
    const group = `/subscriptions/${subscriptionId}/resourceGroups/${encodeURIComponent(resourceGroup)}`;
    const path = `${group}/providers/${managed}/${clusterName}${action}`;
    const attempt = {
      subject: this.name,
      doing,
      cure: `grant the identity ${managed}/${right} (the role "Azure Kubernetes Service Cluster User Role" has it)`,
      missing:
        'there is no such cluster in that subscription and resource group; check subscription_id, resource_group and cluster_name',
    };
    return askArm({ cloud: identity.cloud, path, ...request }, token, attempt, this.#http, signal);
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
