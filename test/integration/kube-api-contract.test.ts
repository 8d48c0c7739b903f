import { ClusterConnection, resolveAccess } from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';
import { FakeKubeApiServer, kubeApiContract } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

kubeApiContract({ describe, it, expect, beforeEach, afterEach }, 'FakeKubeApiServer', async () => {
  const server = await FakeKubeApiServer.start({ namespaces: ['contract'] });
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
});
