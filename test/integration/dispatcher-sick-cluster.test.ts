import { createDispatcher, type Dispatcher } from '@image-factory/dispatcher';
import { parseEncryptionKeys, PostgresProviders, SecretCipher } from '@image-factory/persistence';
import { createSilentLogger, Metrics } from '@image-factory/telemetry';
import { eventually, FakeKubeApiServer, FakeTektonController } from '@image-factory/test-support';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DispatcherHarness } from './dispatcher-harness.js';

/** A cluster over real HTTP, and its provider. */
interface Cluster {
  readonly id: string;
  readonly server: FakeKubeApiServer;
  readonly runs: Set<string>;
}

let harness: DispatcherHarness;
let sick: Cluster;
let well: Cluster;
let dispatcher: Dispatcher;

beforeEach(async () => {
  harness = await DispatcherHarness.open();
  await harness.database.query(`UPDATE providers SET state = 'disabled'`);
  sick = await addCluster('sick');
  well = await addCluster('well');
  const env = harness.env({ egressAllow: ['127.0.0.1'], healthIntervalMs: 2_000, healthTimeoutMs: 1_000 });
  dispatcher = await createDispatcher(env, createSilentLogger(), {
    http: false,
    metrics: new Metrics(),
    settings: { periodicScale: 0.05, retry: env.retry },
  });
  await dispatcher.start();
  await eventually('both clusters are healthy', async () => {
    const rows = await harness.database.query(
      `SELECT 1 FROM providers WHERE health = 'healthy' AND tekton_answers AND state = 'enabled'`,
    );
    return rows.length === 2;
  });
});
afterEach(async () => {
  await dispatcher.abandon();
  await Promise.all([sick.server.close(), well.server.close()]);
  await harness.close();
});

async function addCluster(name: string): Promise<Cluster> {
  const server = await FakeKubeApiServer.start();
  new FakeTektonController(server);
  const runs = new Set<string>();
  server.store.onEvent(({ type, resource, object }) => {
    if (type === 'ADDED' && resource.resource === 'pipelineruns') runs.add(object.metadata.name);
  });
  const cipher = new SecretCipher(parseEncryptionKeys(harness.encryptionKeys.reveal()));
  const providers = new PostgresProviders(harness.database, cipher);
  const { id } = await harness.database.transaction((tx) =>
    providers.create(tx, {
      name,
      type: 'kubernetes',
      isGlobal: true,
      allowPrivileged: true,
      config: server.providerConfig(),
    }),
  );
  return { id, server, runs };
}

function submitTo(cluster: Cluster, count: number): Promise<string[]> {
  const build = {
    requestedProviderId: cluster.id,
    imageRepository: undefined,
    buildMethod: 'packer',
    config: { packer_template: 'template.pkr.hcl' },
  } as const;
  return Promise.all(Array.from({ length: count }, () => harness.submit(build)));
}

const SICK = [
  [
    'refuses everything with 429',
    (server: FakeKubeApiServer) => {
      const storm = { kind: 'status', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 1 } as const;
      server.faults.take = () => storm;
      return () => {
        server.faults.take = () => undefined;
      };
    },
  ],
  [
    'takes connections and never answers',
    (server: FakeKubeApiServer) => {
      server.hangConnections(true);
      server.dropConnections();
      return () => {
        server.hangConnections(false);
        server.dropConnections();
      };
    },
  ],
] as const;

it.each(SICK)(
  'a cluster that %s delays no build of another, and loses none of its own',
  async (_what, fall) => {
    const heal = fall(sick.server);
    const stuck = await submitTo(sick, 5);
    const free = await submitTo(well, 10);
    const fromMs = performance.now();
    await Promise.all(free.map((id) => harness.reaches(id, 'completed')));
    expect(performance.now() - fromMs).toBeLessThan(10_000);
    for (const id of stuck) expect((await harness.build(id)).status).not.toBe('completed');
    expect(sick.runs.size).toBe(0);
    heal();
    await Promise.all(stuck.map((id) => harness.reaches(id, 'completed', 60_000)));
    expect(sick.runs.size).toBe(stuck.length);
  },
  120_000,
);
