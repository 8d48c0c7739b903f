import type { CloudAccess } from './cloud-access.js';
import { cloudProblem } from './cloud-problem.js';
import { askCloud, type Json, listAt, textAt, textsAt, valueAt } from './cloud-rest.js';
import type { DiscoveryProblem, FoundCluster, ScopeListing } from './found-cluster.js';
import { caFingerprint } from './list-eks.js';

/**
 * The GKE clusters of a project in one location, or in all (`-`). One answer, without pages; zones that Google could not
 * ask are named in it, and are a problem. Never throws.
 */
export async function listGke(
  project: string,
  location: string,
  access: CloudAccess,
  signal: AbortSignal,
): Promise<ScopeListing> {
  const scope = { cloud: 'gcp', project, location } as const;
  const what = `GKE in project ${project}${location === '-' ? '' : `, ${location}`}`;
  const url = `${access.gcp.origin}/v1/projects/${encodeURIComponent(project)}/locations/${encodeURIComponent(location)}/clusters`;
  try {
    const body = await askCloud(access.gcp, access, { method: 'GET', url, what }, signal);
    const problems: DiscoveryProblem[] = missingZones(body).map((zone) => ({
      reason: 'CloudUnavailable',
      message: `${what}: the zone ${zone} could not be asked by Google; its clusters are not known now.`,
    }));
    const clusters = listAt(body, 'clusters').flatMap((cluster) => toFound(cluster, project) ?? []);
    return { scope, clusters, problems };
  } catch (error) {
    return { scope, clusters: [], problems: [cloudProblem(error, what)] };
  }
}

/** `https://` and the address; undefined while the cluster has none. */
export function gkeEndpoint(cluster: Json): string | undefined {
  const address = textAt(cluster, 'endpoint');
  return address === undefined ? undefined : `https://${address}`;
}

function missingZones(body: Json): string[] {
  const zones = valueAt(body, 'missingZones');
  return Array.isArray(zones) ? zones.filter((zone): zone is string => typeof zone === 'string') : [];
}

function toFound(cluster: Json, project: string): FoundCluster | undefined {
  const name = textAt(cluster, 'name');
  const location = textAt(cluster, 'location');
  if (name === undefined || location === undefined) return undefined;
  const publicIp = valueAt(cluster, 'privateClusterConfig', 'enablePrivateEndpoint') !== true;
  const external =
    valueAt(cluster, 'controlPlaneEndpointsConfig', 'dnsEndpointConfig', 'allowExternalTraffic') === true;
  return {
    key: { cloud: 'gcp', account: project, location, resourceGroup: '', name },
    facts: {
      status: textAt(cluster, 'status') ?? 'STATUS_UNSPECIFIED',
      version: textAt(cluster, 'currentMasterVersion'),
      endpoint: gkeEndpoint(cluster),
      caFingerprint: caFingerprint(textAt(cluster, 'masterAuth', 'clusterCaCertificate')),
      privateOnly: !publicIp && !external,
      tags: textsAt(cluster, 'resourceLabels'),
      resource: textAt(cluster, 'selfLink') ?? `projects/${project}/locations/${location}/clusters/${name}`,
    },
  };
}
