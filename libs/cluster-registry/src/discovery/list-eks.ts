import type { EksDescription } from '@image-factory/cluster-connectors';
import { caFingerprint } from './ca-fingerprint.js';
import { askAgain, type DiscoveryClouds, toProblem } from './discovery-clouds.js';
import type { DiscoveryProblem, FoundCluster, ScopeListing } from './found-cluster.js';

const DESCRIBED_AT_ONCE = 5;

/** The EKS clusters of a region, page by page, each described. Never throws: what is refused is a problem of the region. */
export async function listEks(region: string, clouds: DiscoveryClouds, signal: AbortSignal): Promise<ScopeListing> {
  const scope = { cloud: 'aws', region } as const;
  const { reader, clock } = clouds;
  const problems: DiscoveryProblem[] = [];
  const clusters: FoundCluster[] = [];
  try {
    const { account, eks } = await askAgain(() => reader.eks(region, signal), clock, signal);
    const names = await askAgain(() => eks.names(signal), clock, signal);
    const describeNext = async (): Promise<void> => {
      for (let name = names.shift(); name !== undefined; name = names.shift()) {
        const asked = name;
        try {
          const found = toFound(await askAgain(() => eks.describe(asked, signal), clock, signal), region, account);
          if (found === undefined) problems.push(foreign(asked, region, account));
          else clusters.push(found);
        } catch (error) {
          problems.push(toProblem(error, `EKS cluster ${asked} in ${region}`));
        }
      }
    };
    await Promise.all(Array.from({ length: DESCRIBED_AT_ONCE }, describeNext));
    return { scope, account, clusters, problems };
  } catch (error) {
    return { scope, account: undefined, clusters, problems: [...problems, toProblem(error, `EKS in ${region}`)] };
  }
}

function foreign(name: string, region: string, account: string): DiscoveryProblem {
  const message = `EKS cluster ${name} in ${region} does not say that it belongs to the account ${account}; it is left out.`;
  return { reason: 'CloudUnavailable', message };
}

function toFound(cluster: EksDescription, region: string, account: string): FoundCluster | undefined {
  const { arn, name } = cluster;
  if (arn === undefined || name === undefined || arn.split(':')[4] !== account) return undefined;
  return {
    key: { cloud: 'aws', account, location: region, resourceGroup: '', name },
    facts: {
      status: cluster.status ?? 'UNKNOWN',
      version: cluster.version,
      endpoint: cluster.endpoint,
      caFingerprint: caFingerprint(cluster.certificateAuthority?.data),
      privateOnly: cluster.resourcesVpcConfig?.endpointPublicAccess === false,
      tags: cluster.tags ?? {},
      resource: arn,
    },
  };
}
