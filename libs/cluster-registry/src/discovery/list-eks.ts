import { createHash } from 'node:crypto';
import type { Cluster, EKSClient } from '@aws-sdk/client-eks';
import type { CloudAccess } from './cloud-access.js';
import { cloudProblem } from './cloud-problem.js';
import type { DiscoveryProblem, FoundCluster, ScopeListing } from './found-cluster.js';

const PAGE = 100;
const DESCRIBED_AT_ONCE = 5;

/** The EKS clusters of a region, page by page, each described. Never throws: what is refused is a problem of the region. */
export async function listEks(region: string, access: CloudAccess, signal: AbortSignal): Promise<ScopeListing> {
  const sdk = await import('@aws-sdk/client-eks');
  const client = new sdk.EKSClient({ ...access.eks, region });
  const problems: DiscoveryProblem[] = [];
  const names: string[] = [];
  try {
    const pages = sdk.paginateListClusters({ client, pageSize: PAGE }, {}, { abortSignal: signal });
    for await (const page of pages) names.push(...(page.clusters ?? []));
  } catch (error) {
    problems.push(cloudProblem(error, `EKS in ${region}`));
  }
  const clusters: FoundCluster[] = [];
  const describeNext = async (): Promise<void> => {
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      const what = `EKS cluster ${name} in ${region}`;
      try {
        const found = toFound(await describeEks(client, name, signal), region);
        if (found === undefined) problems.push({ reason: 'CloudUnavailable', message: `${what} has no ARN.` });
        else clusters.push(found);
      } catch (error) {
        problems.push(cloudProblem(error, what));
      }
    }
  };
  await Promise.all(Array.from({ length: DESCRIBED_AT_ONCE }, describeNext));
  client.destroy();
  return { scope: { cloud: 'aws', region }, clusters, problems };
}

/** One cluster as EKS describes it. @throws what the client throws */
export async function describeEks(client: EKSClient, name: string, signal: AbortSignal): Promise<Cluster> {
  const { DescribeClusterCommand } = await import('@aws-sdk/client-eks');
  const { cluster } = await client.send(new DescribeClusterCommand({ name }), { abortSignal: signal });
  return cluster ?? {};
}

/** PEM of the CA that EKS, GKE and kubeconfigs carry in base64. */
export function decodeCa(base64: string | undefined): string | undefined {
  if (base64 === undefined || base64 === '') return undefined;
  const pem = Buffer.from(base64, 'base64').toString('utf8');
  return pem.includes('-----BEGIN CERTIFICATE-----') ? pem : undefined;
}

/** What is kept of a CA, so that a change of it is seen. */
export function caFingerprint(base64: string | undefined): string | undefined {
  const pem = decodeCa(base64);
  return pem === undefined ? undefined : `sha256:${createHash('sha256').update(pem).digest('hex')}`;
}

function toFound(cluster: Cluster, region: string): FoundCluster | undefined {
  const { arn, name } = cluster;
  const account = arn?.split(':')[4];
  if (arn === undefined || name === undefined || account === undefined || account === '') return undefined;
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
