import { AKS_API_VERSION } from '@image-factory/cluster-connectors';
import { DomainError, isDomainError } from '@image-factory/domain';
import { parseDocument } from 'yaml';
import type { CloudCluster } from '../config-file/cluster-config.js';
import type { CloudAccess } from './cloud-access.js';
import { answerError, cloudProblem, notActive } from './cloud-problem.js';
import { askCloud, listAt, textAt } from './cloud-rest.js';
import { decodeCa, describeEks } from './list-eks.js';
import { gkeEndpoint } from './list-gke.js';

/** Where a cluster is, as its cloud says. */
export interface ClusterDescription {
  /** `https://host[:port]` */
  readonly endpoint: string;
  /** PEM. */
  readonly caCert: string;
}

const LIMIT_MS = 30_000;

/**
 * Endpoint and CA of a cluster by its name in its cloud.
 * @throws DomainError CloudAccessDenied, CloudClusterNotFound, CloudClusterNotActive, CloudThrottled, CloudUnavailable,
 * CloudCredentialMissing, CloudCredentialExpired
 */
export async function describeCluster(cluster: CloudCluster, access: CloudAccess): Promise<ClusterDescription> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const what = describedName(cluster);
  try {
    if (cluster.cloud === 'aws') return await describeInAws(cluster.region, cluster.name, what, access, signal);
    if (cluster.cloud === 'gcp') return await describeInGcp(cluster, what, access, signal);
    return await describeInAzure(cluster, what, access, signal);
  } catch (error) {
    if (isDomainError(error)) throw error;
    throw new DomainError({ kind: 'Unavailable', ...cloudProblem(error, what) });
  }
}

function describedName(cluster: CloudCluster): string {
  if (cluster.cloud === 'aws') return `EKS cluster ${cluster.name} in ${cluster.region}`;
  if (cluster.cloud === 'gcp') return `GKE cluster ${cluster.name} in ${cluster.project}, ${cluster.location}`;
  return `AKS cluster ${cluster.name} in ${cluster.resourceGroup}`;
}

async function describeInAws(
  region: string,
  name: string,
  what: string,
  access: CloudAccess,
  signal: AbortSignal,
): Promise<ClusterDescription> {
  const { EKSClient } = await import('@aws-sdk/client-eks');
  const client = new EKSClient({ ...access.eks, region });
  try {
    const cluster = await describeEks(client, name, signal);
    if (cluster.status !== 'ACTIVE' && cluster.status !== 'UPDATING')
      throw notActive(what, cluster.status ?? 'UNKNOWN');
    return whole(what, cluster.endpoint, decodeCa(cluster.certificateAuthority?.data));
  } finally {
    client.destroy();
  }
}

async function describeInGcp(
  cluster: Extract<CloudCluster, { cloud: 'gcp' }>,
  what: string,
  access: CloudAccess,
  signal: AbortSignal,
): Promise<ClusterDescription> {
  const path = [cluster.project, 'locations', cluster.location, 'clusters', cluster.name].map(encodeURIComponent);
  const url = `${access.gcp.origin}/v1/projects/${path.join('/')}`;
  const body = await askCloud(access.gcp, access, { method: 'GET', url, what }, signal);
  const status = textAt(body, 'status') ?? 'STATUS_UNSPECIFIED';
  if (status !== 'RUNNING' && status !== 'RECONCILING') throw notActive(what, status);
  return whole(what, gkeEndpoint(body), decodeCa(textAt(body, 'masterAuth', 'clusterCaCertificate')));
}

/** The resource manager hands out a kubeconfig; only server and CA of it are read. */
async function describeInAzure(
  cluster: Extract<CloudCluster, { cloud: 'azure' }>,
  what: string,
  access: CloudAccess,
  signal: AbortSignal,
): Promise<ClusterDescription> {
  const url =
    `${access.azure.origin}/subscriptions/${encodeURIComponent(cluster.subscription)}` +
    `/resourceGroups/${encodeURIComponent(cluster.resourceGroup)}/providers/Microsoft.ContainerService` +
    `/managedClusters/${encodeURIComponent(cluster.name)}/listClusterUserCredential?api-version=${AKS_API_VERSION}`;
  const body = await askCloud(access.azure, access, { method: 'POST', url, what }, signal);
  const value = textAt(listAt(body, 'kubeconfigs')[0], 'value');
  if (value === undefined) throw answerError(what, 'no kubeconfig');
  const text = Buffer.from(value, 'base64').toString('utf8');
  const document = parseDocument(text, { schema: 'core', logLevel: 'silent' });
  if (document.errors.length > 0) throw answerError(what, 'a kubeconfig that is no YAML');
  const named = listAt(document.toJS({ maxAliasCount: 0 }), 'clusters')[0];
  const ca = decodeCa(textAt(named, 'cluster', 'certificate-authority-data'));
  return whole(what, textAt(named, 'cluster', 'server'), ca);
}

function whole(what: string, endpoint: string | undefined, caCert: string | undefined): ClusterDescription {
  if (endpoint === undefined || !endpoint.startsWith('https://')) throw answerError(what, 'no endpoint');
  if (caCert === undefined) throw answerError(what, 'no CA');
  return { endpoint: endpoint.replace(/\/+$/, ''), caCert };
}
