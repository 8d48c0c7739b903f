import { DomainError, Secret } from '@image-factory/domain';
import type { EndingValue } from '../../broker/renewed-value.js';
import type { CloudCluster, DescribedCluster } from '../cloud-cluster.js';
import { cloudError } from '../cloud-error.js';
import type { CloudHttp } from '../cloud-http.js';
import { askGke } from './google-api.js';
import { type GoogleIdentity, googleToken } from './google-token.js';

/** Config of `gke-workload-identity` (product.md), opened. */
export interface GkeConfig {
  readonly projectId: string;
  readonly location: string;
  readonly clusterName: string;
  readonly endpointKind: 'ip' | 'dns';
  readonly identity: GoogleIdentity;
}

/** The parts of `projects.locations.clusters` (GKE API v1) that decide anything. */
interface GkeDescription {
  readonly status?: string;
  readonly endpoint?: string;
  readonly masterAuth?: { readonly clusterCaCertificate?: string };
  readonly privateClusterConfig?: { readonly enablePrivateEndpoint?: boolean };
  readonly masterAuthorizedNetworksConfig?: { readonly enabled?: boolean };
  readonly controlPlaneEndpointsConfig?: {
    readonly dnsEndpointConfig?: { readonly endpoint?: string; readonly allowExternalTraffic?: boolean };
    readonly ipEndpointsConfig?: { readonly enabled?: boolean; readonly enablePublicEndpoint?: boolean };
  };
}

const SERVING: readonly (string | undefined)[] = ['RUNNING', 'RECONCILING', 'DEGRADED'];

/** A GKE cluster; the token for its API server is the identity's access token. */
export class GkeCluster implements CloudCluster<EndingValue<string>> {
  readonly name: string;
  readonly #config: GkeConfig;
  readonly #http: CloudHttp;

  constructor(config: GkeConfig, http: CloudHttp) {
    this.name = `GKE cluster ${config.clusterName} in ${config.projectId}/${config.location}`;
    this.#config = config;
    this.#http = http;
  }

  async authenticate(signal: AbortSignal): Promise<EndingValue<EndingValue<string>>> {
    const token = await googleToken(this.name, this.#config.identity, this.#http, signal);
    return { value: token, expiresAt: token.expiresAt };
  }

  async describe(credential: () => Promise<EndingValue<string>>, signal: AbortSignal): Promise<DescribedCluster> {
    const { projectId, location, clusterName, endpointKind } = this.#config;
    const token = await credential();
    const attempt = {
      subject: this.name,
      doing: 'describing it',
      cure: 'grant the identity roles/container.clusterViewer on the project',
      missing: 'there is no such cluster in that project and location; check project_id, location and cluster_name',
    };
    const path = `projects/${projectId}/locations/${location}/clusters/${clusterName}`;
    const cluster: GkeDescription = await askGke(path, token.value, attempt, this.#http, signal);
    if (!SERVING.includes(cluster.status)) {
      throw cloudError(
        'CloudClusterNotActive',
        `${this.name}: the cluster is ${cluster.status ?? 'of unknown status'}, not RUNNING; wait until it is, or remove the provider.`,
      );
    }
    return endpointKind === 'dns' ? byName(this.name, cluster) : byAddress(this.name, cluster);
  }

  mint(credential: () => Promise<EndingValue<string>>): Promise<EndingValue<string>> {
    return credential();
  }
}

/** The DNS endpoint has a certificate that the public roots know. */
function byName(name: string, cluster: GkeDescription): DescribedCluster {
  const dns = cluster.controlPlaneEndpointsConfig?.dnsEndpointConfig;
  if (dns?.endpoint === undefined || dns.endpoint === '') {
    throw wrongKind(`${name} has no DNS endpoint: enable it, or set endpoint_kind to ip.`);
  }
  const server = `https://${dns.endpoint}`;
  if (dns.allowExternalTraffic === true) return { server, ca: undefined };
  const cure = `The DNS endpoint of ${name} takes no external traffic: allow it (--enable-dns-access), or run the dispatcher inside its network.`;
  return { server, ca: undefined, privateEndpoint: cure };
}

function byAddress(name: string, cluster: GkeDescription): DescribedCluster {
  const ip = cluster.controlPlaneEndpointsConfig?.ipEndpointsConfig;
  const { endpoint } = cluster;
  const ca = cluster.masterAuth?.clusterCaCertificate;
  if (ip?.enabled === false || endpoint === undefined || endpoint === '' || ca === undefined) {
    throw wrongKind(`${name} has no IP endpoint: set endpoint_kind to dns.`);
  }
  const cure = addressCure(name, cluster);
  return {
    server: `https://${endpoint.includes(':') && !endpoint.startsWith('[') && !/:\d+$/.test(endpoint) ? `[${endpoint}]` : endpoint}`,
    ca: new Secret(Buffer.from(ca, 'base64').toString('utf8')),
    ...(cure === undefined ? {} : { privateEndpoint: cure }),
  };
}

function addressCure(name: string, cluster: GkeDescription): string | undefined {
  const ip = cluster.controlPlaneEndpointsConfig?.ipEndpointsConfig;
  if (cluster.privateClusterConfig?.enablePrivateEndpoint === true || ip?.enablePublicEndpoint === false) {
    return `The IP endpoint of ${name} is private: run the dispatcher inside its network, or set endpoint_kind to dns.`;
  }
  if (cluster.masterAuthorizedNetworksConfig?.enabled !== true) return undefined;
  return `The IP endpoint of ${name} takes connections from authorized networks only: add that of the dispatcher, or set endpoint_kind to dns.`;
}

function wrongKind(message: string): DomainError {
  return new DomainError({
    kind: 'InvalidInput',
    reason: 'ProviderConfigInvalid',
    message,
    issues: [{ path: 'config.endpoint_kind', message }],
    details: { outcome: 'notSent' },
  });
}
