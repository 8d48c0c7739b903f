import { randomUUID } from 'node:crypto';
import { ClusterConnection, resolveAccess } from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kubeApiContract } from '../support/src/contracts/kube-api-contract.js';
import { readCluster, type TestCluster } from './support/cluster.ts';
import { until } from './support/rest-client.ts';

/** The same checks as on the fake: what the fake does is what this server does. */
kubeApiContract({ describe, it, expect, beforeEach, afterEach }, 'the real API server', async () => {
  const cluster = readCluster();
  const egress = new EgressPolicy({ allow: [new URL(cluster.apiServerUrl).hostname] });
  const connect = async (token: string): Promise<ClusterConnection> => {
    const config = {
      endpoint: cluster.apiServerUrl,
      token,
      ca_cert: Buffer.from(cluster.caData, 'base64').toString('utf8'),
    };
    const access = await resolveAccess('token', config, { fileRules: { allowedDirs: [], anyPath: false } });
    return new ClusterConnection({ providerId: 'p', generation: 1, access, egress });
  };
  const connection = await connect(cluster.adminToken);
  const stranger = await connect('unknown-token');
  const namespace = `contract-${randomUUID().slice(0, 8)}`;
  await cluster.kube('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
  // What a cluster makes in each namespace by itself comes first.
  await until('the CA bundle of the namespace', 30_000, async () => {
    const { status } = await cluster.kube('GET', `/api/v1/namespaces/${namespace}/configmaps/kube-root-ca.crt`);
    return status === 200 ? true : undefined;
  });
  return {
    connection,
    stranger,
    namespace,
    compact: () => leaveWatchCache(cluster, `/api/v1/namespaces/${namespace}/configmaps`),
    close: async () => {
      await Promise.all([connection.close(), stranger.close()]);
      await cluster.kube('DELETE', `/api/v1/namespaces/${namespace}`);
    },
  };
});

/** More changes than the watch cache holds at least: it drops those that are older than 75 s. */
const CHANGES = 120;

/** Returns when a watch from version 1 is too old: a cluster that was made a minute ago still has all its events. */
async function leaveWatchCache(cluster: TestCluster, path: string): Promise<void> {
  await until('version 1 to be too old', 150_000, async () => {
    // The answer is one object when it is too old, and else lines, which do not parse.
    const answer = await cluster
      .kube('GET', `${path}?watch=true&resourceVersion=1&timeoutSeconds=1`)
      .catch(() => undefined);
    const event = answer?.body['object'] as { readonly code?: number } | undefined;
    if (answer?.status === 410 || event?.code === 410) return true;
    for (let change = 0; change < CHANGES; change += 2) {
      const name = `change-${change}`;
      await cluster.kube('POST', path, { metadata: { name } });
      await cluster.kube('DELETE', `${path}/${name}`);
    }
    return undefined;
  });
}
