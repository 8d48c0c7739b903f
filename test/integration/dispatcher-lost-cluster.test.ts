import {
  ClusterConnectionProvider,
  type ClusterConnection,
  type HeldConnection,
} from '@image-factory/cluster-connectors';
import { createSilentLogger, systemClock } from '@image-factory/telemetry';
import { TektonBuildExecutor } from '@image-factory/tekton-executor';
import { eventually, FakeKubeApiServer, FakeTektonController, type FakeCluster } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness } from './dispatcher-harness.js';
import { spoken } from './spoken.ts';
import { InMemoryTenantNamespaces, OneConnection, OneProvider } from './tekton-world.ts';

interface TektonCluster {
  readonly providerId: string;
  /** Whether the dispatcher's probe reaches it. */
  readonly reach: FakeCluster;
  readonly server: FakeKubeApiServer;
  readonly tekton: FakeTektonController;
  readonly connection: OneConnection;
}

/** Each provider's own connection. */
class ConnectionsByProvider extends ClusterConnectionProvider {
  override withConnection<T>(providerId: string, use: (connection: ClusterConnection) => Promise<T>): Promise<T> {
    return connectionOf(providerId).withConnection(providerId, use);
  }

  override hold(providerId: string): Promise<HeldConnection> {
    return connectionOf(providerId).hold();
  }

  override onChanged(providerId: string, callback: () => void): () => void {
    return connectionOf(providerId).onChanged(providerId, callback);
  }
}

let harness: DispatcherHarness;
let clusters: TektonCluster[];
let bookmarks: NodeJS.Timeout;

beforeEach(async () => {
  harness = await DispatcherHarness.open();
  const other = await harness.addProvider('cluster-2');
  clusters = [await startCluster(harness.providerId, harness.cluster), await startCluster(other.id, other.cluster)];
  // Watches whose API server answers stay fresh.
  bookmarks = setInterval(() => clusters.forEach(({ server }) => server.sendBookmarks()), 200);
  const [installation] = await harness.database.query<{ id: string }>('SELECT id FROM installation');
  const executor = new TektonBuildExecutor({
    connections: new ConnectionsByProvider(),
    providers: new OneProvider(),
    namespaces: new InMemoryTenantNamespaces(),
    installationId: installation!.id,
    clock: systemClock,
    logger: createSilentLogger(),
  });
  await harness.start({ watchStaleMs: 1_000 }, {}, { executor });
});
afterEach(async () => {
  clearInterval(bookmarks);
  await harness.close();
  for (const { server, tekton, connection } of clusters) {
    tekton.close();
    await connection.close();
    await server.close();
  }
});

async function startCluster(providerId: string, reach: FakeCluster): Promise<TektonCluster> {
  const server = await FakeKubeApiServer.start(spoken);
  const tekton = new FakeTektonController(server);
  tekton.defaultScript = { build: { ending: 'hangs' } };
  return { providerId, reach, server, tekton, connection: new OneConnection(server.providerConfig()) };
}

function connectionOf(providerId: string): OneConnection {
  return clusters.find((one) => one.providerId === providerId)!.connection;
}

/** A build that runs on a cluster whose API server goes away for good. */
async function buildOnLostCluster(): Promise<{ buildId: string; lostId: string }> {
  const buildId = await harness.submit();
  const { provider_id: lostId } = await harness.inState(buildId, 'running');
  const lost = clusters.find(({ providerId }) => providerId === lostId)!;
  lost.reach.reachable = false;
  await lost.server.stopListening();
  return { buildId, lostId: lost.providerId };
}

describe('a cluster that goes away for good while the watches know its runs', () => {
  it('loses a running build past the deadline, which is tried again on another provider', async () => {
    const { buildId, lostId } = await buildOnLostCluster();
    expect(await harness.inState(buildId, 'lost', 30_000)).toMatchObject({ reason: 'ClusterLost', slot_held: false });
    const again = await eventually('the second attempt runs', async () => {
      const execution = await harness.execution(buildId);
      return execution.attempt === 2 && execution.state === 'running' ? execution : undefined;
    });
    expect(again.provider_id).not.toBe(lostId);
  });

  it('ends a cancel that cannot be told to it', async () => {
    const { buildId } = await buildOnLostCluster();
    await harness.cancel(buildId);
    expect(await harness.reaches(buildId, 'cancelled', 30_000)).toMatchObject({ attempt: 1 });
    expect(await harness.execution(buildId)).toMatchObject({ state: 'lost', reason: 'ClusterLost', slot_held: false });
  });
});
