import { ClusterConnection, resolveAccess } from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';
import { FakeKubeApiServer, kubeApiContract, type KubeApiHarness } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const api = { describe, it, expect, beforeEach, afterEach };
kubeApiContract(api, 'FakeKubeApiServer over HTTP/2', () => harness(true));
kubeApiContract(api, 'FakeKubeApiServer over HTTP/1.1', () => harness(false));

async function harness(http2: boolean): Promise<KubeApiHarness> {
  const server = await FakeKubeApiServer.start({ namespaces: ['contract'], http2 });
  const egress = new EgressPolicy({ allow: ['127.0.0.1'] });
  const connect = async (token: string): Promise<ClusterConnection> => {
    const context = { fileRules: { allowedDirs: [], anyPath: false } };
    const access = await resolveAccess('token', server.providerConfig(token), context);
    return new ClusterConnection({ providerId: 'p', generation: 1, access, egress });
  };
  const connection = await connect('fake-token');
  const stranger = await connect('unknown-token');
  return {
    connection,
    stranger,
    namespace: 'contract',
    compact: () => server.store.compact(),
    close: async () => {
      await Promise.all([connection.close(), stranger.close()]);
      await server.close();
    },
  };
}
