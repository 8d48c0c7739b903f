import { AKS_API_VERSION } from '@image-factory/cluster-connectors';
import type { CloudAccess } from './cloud-access.js';
import { answerError, cloudProblem } from './cloud-problem.js';
import { askCloud, type Json, listAt, textAt, textsAt, valueAt } from './cloud-rest.js';
import type { DiscoveryProblem, FoundCluster, ScopeListing } from './found-cluster.js';

/** More pages than this are a loop. */
const MOST_PAGES = 200;

/** The AKS clusters of a subscription, page by page (`nextLink`). Never throws. */
export async function listAks(subscription: string, access: CloudAccess, signal: AbortSignal): Promise<ScopeListing> {
  const scope = { cloud: 'azure', subscription } as const;
  const what = `AKS in subscription ${subscription}`;
  const problems: DiscoveryProblem[] = [];
  const clusters: FoundCluster[] = [];
  try {
    let next: string | undefined =
      `${access.azure.origin}/subscriptions/${encodeURIComponent(subscription)}` +
      `/providers/Microsoft.ContainerService/managedClusters?api-version=${AKS_API_VERSION}`;
    for (let page = 0; next !== undefined; page += 1) {
      if (page >= MOST_PAGES) throw answerError(what, `more than ${MOST_PAGES} pages`);
      const body: Json = await askCloud(access.azure, access, { method: 'GET', url: next, what }, signal);
      for (const cluster of listAt(body, 'value')) clusters.push(...(toFound(cluster, subscription) ?? []));
      next = textAt(body, 'nextLink');
    }
  } catch (error) {
    problems.push(cloudProblem(error, what));
  }
  return { scope, clusters, problems };
}

function toFound(cluster: Json, subscription: string): FoundCluster[] | undefined {
  const id = textAt(cluster, 'id');
  const name = textAt(cluster, 'name');
  const location = textAt(cluster, 'location');
  const resourceGroup = /\/resourcegroups\/([^/]+)\//i.exec(id ?? '')?.[1];
  if (id === undefined || name === undefined || location === undefined || resourceGroup === undefined) return undefined;
  const fqdn = textAt(cluster, 'properties', 'fqdn');
  const host = fqdn ?? textAt(cluster, 'properties', 'privateFQDN');
  const isPrivate = valueAt(cluster, 'properties', 'apiServerAccessProfile', 'enablePrivateCluster') === true;
  return [
    {
      key: { cloud: 'azure', account: subscription, location, resourceGroup, name },
      facts: {
        status: statusOf(cluster),
        version:
          textAt(cluster, 'properties', 'currentKubernetesVersion') ??
          textAt(cluster, 'properties', 'kubernetesVersion'),
        endpoint: host === undefined ? undefined : `https://${host}:443`,
        caFingerprint: undefined,
        privateOnly: isPrivate && fqdn === undefined,
        tags: textsAt(cluster, 'tags'),
        resource: id,
      },
    },
  ];
}

/** A stopped cluster is provisioned all the same. */
function statusOf(cluster: Json): string {
  const power = textAt(cluster, 'properties', 'powerState', 'code');
  const provisioning = textAt(cluster, 'properties', 'provisioningState') ?? 'Unknown';
  return power === undefined || power === 'Running' ? provisioning : power;
}
