import type { AzureCloud } from '@image-factory/cluster-connectors';
import { DomainError } from '@image-factory/domain';
import { askAgain, type DiscoveryClouds, toProblem } from './discovery-clouds.js';
import type { DiscoveryProblem, FoundCluster, ScopeListing } from './found-cluster.js';
import { type Json, listAt, textAt, textsAt, valueAt } from './json.js';

/** More pages than this are a loop. */
const MOST_PAGES = 200;

/** The AKS clusters of a subscription, page by page (`nextLink`). Never throws. */
export async function listAks(
  subscription: string,
  cloud: AzureCloud,
  clouds: DiscoveryClouds,
  signal: AbortSignal,
): Promise<ScopeListing> {
  const scope = { cloud: 'azure', subscription, azureCloud: cloud } as const;
  const attempt = {
    subject: `AKS in subscription ${subscription}`,
    doing: 'listing its clusters',
    cure: 'grant the identity Microsoft.ContainerService/managedClusters/read on the subscription, or leave it out',
    missing: 'there is no such subscription; check IF_DISCOVERY_AZURE_SUBSCRIPTIONS',
  };
  const problems: DiscoveryProblem[] = [];
  const clusters: FoundCluster[] = [];
  let seenBy: string | undefined;
  try {
    let next: string | undefined =
      `/subscriptions/${encodeURIComponent(subscription)}/providers/Microsoft.ContainerService/managedClusters`;
    for (let page = 0; next !== undefined; page += 1) {
      const path: string = next;
      if (page >= MOST_PAGES) throw loop(attempt.subject);
      const ask = () => clouds.reader.arm(cloud, path, attempt, signal);
      const { body, askedBy } = await askAgain(ask, clouds.clock, signal);
      seenBy = askedBy;
      for (const cluster of listAt(body, 'value')) clusters.push(...toFound(cluster, subscription, cloud));
      next = textAt(body, 'nextLink');
    }
  } catch (error) {
    problems.push(toProblem(error, attempt.subject));
  }
  return { scope, account: subscription, seenBy, clusters, problems };
}

function loop(subject: string): DomainError {
  const message = `${subject} has more than ${MOST_PAGES} pages of clusters; the others are not looked at.`;
  return new DomainError({ kind: 'Unavailable', reason: 'CloudUnavailable', message });
}

function toFound(cluster: Json, subscription: string, cloud: AzureCloud): FoundCluster[] {
  const id = textAt(cluster, 'id');
  const name = textAt(cluster, 'name');
  const location = textAt(cluster, 'location');
  const resourceGroup = /\/resourcegroups\/([^/]+)\//i.exec(id ?? '')?.[1];
  if (id === undefined || name === undefined || location === undefined || resourceGroup === undefined) return [];
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
        azureCloud: cloud === 'AzureCloud' ? undefined : cloud,
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
