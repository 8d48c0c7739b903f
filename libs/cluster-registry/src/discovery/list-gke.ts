import { caFingerprint } from './ca-fingerprint.js';
import { askAgain, type DiscoveryClouds, toProblem } from './discovery-clouds.js';
import type { DiscoveryProblem, FoundCluster, ScopeListing } from './found-cluster.js';
import { type Json, listAt, textAt, textsAt, valueAt } from './json.js';

/**
 * The GKE clusters of a project in one location, or in all (`-`). One answer, without pages; zones that Google could not
 * ask are named in it, and are a problem. Never throws.
 */
export async function listGke(
  project: string,
  location: string,
  clouds: DiscoveryClouds,
  signal: AbortSignal,
): Promise<ScopeListing> {
  const scope = { cloud: 'gcp', project, location } as const;
  const subject = `GKE in project ${project}${location === '-' ? '' : `, ${location}`}`;
  const attempt = {
    subject,
    doing: 'listing its clusters',
    cure: 'grant the identity roles/container.clusterViewer on the project, or leave it out',
    missing: 'there is no such project or location; check IF_DISCOVERY_GCP_*',
  };
  try {
    const ask = () => clouds.reader.gke(project, `locations/${location}/clusters`, attempt, signal);
    const body = await askAgain(ask, clouds.clock, signal);
    const problems: DiscoveryProblem[] = missingZones(body).map((zone) => ({
      reason: 'CloudUnavailable',
      message: `${subject}: the zone ${zone} could not be asked by Google; its clusters are not known now.`,
    }));
    const clusters = listAt(body, 'clusters').flatMap((cluster) => toFound(cluster, project) ?? []);
    return { scope, account: project, clusters, problems };
  } catch (error) {
    return { scope, account: project, clusters: [], problems: [toProblem(error, subject)] };
  }
}

function missingZones(body: Json): string[] {
  const zones = valueAt(body, 'missingZones');
  return Array.isArray(zones) ? zones.filter((zone): zone is string => typeof zone === 'string') : [];
}

function toFound(cluster: Json, project: string): FoundCluster | undefined {
  const name = textAt(cluster, 'name');
  const location = textAt(cluster, 'location');
  if (name === undefined || location === undefined) return undefined;
  const address = textAt(cluster, 'endpoint');
  const publicIp = valueAt(cluster, 'privateClusterConfig', 'enablePrivateEndpoint') !== true;
  const external =
    valueAt(cluster, 'controlPlaneEndpointsConfig', 'dnsEndpointConfig', 'allowExternalTraffic') === true;
  return {
    key: { cloud: 'gcp', account: project, location, resourceGroup: '', name },
    facts: {
      status: textAt(cluster, 'status') ?? 'STATUS_UNSPECIFIED',
      version: textAt(cluster, 'currentMasterVersion'),
      endpoint: address === undefined ? undefined : `https://${address}`,
      caFingerprint: caFingerprint(textAt(cluster, 'masterAuth', 'clusterCaCertificate')),
      privateOnly: !publicIp && !external,
      tags: textsAt(cluster, 'resourceLabels'),
      resource: textAt(cluster, 'selfLink') ?? `projects/${project}/locations/${location}/clusters/${name}`,
    },
  };
}
