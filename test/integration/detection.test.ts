import { API_BASE } from '@image-factory/api';
import {
  CapabilityDetection,
  type CapabilityDetectionOptions,
  ConnectionPool,
  detectCapabilities,
} from '@image-factory/cluster-registry';
import { openClusterConnection } from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';
import {
  Database,
  parseEncryptionKeys,
  PostgresDetections,
  PostgresProviderRepository,
  SecretCipher,
} from '@image-factory/persistence';
import { createSilentLogger, systemClock } from '@image-factory/telemetry';
import { eventually } from '@image-factory/test-support';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiHarness } from './api-support.ts';
import { ConnectorWorld } from './connector-world.ts';

const PROVIDERS = `${API_BASE}/admin/infrastructure/providers`;
const NOW = new Date('2026-11-21T12:00:00Z');

/** Two nodes and Tekton's ConfigMaps on a fresh API server. */
function furnish({ server }: ConnectorWorld): void {
  const node = (name: string, architecture: string, allocatable: Record<string, string>): void => {
    const status = {
      allocatable,
      nodeInfo: { architecture, operatingSystem: 'linux' },
      conditions: [{ type: 'Ready', status: 'True' }],
    };
    server.store.create('nodes', { metadata: { name }, spec: {}, status });
  };
  node('big', 'amd64', { cpu: '16', memory: '64Gi', 'nvidia.com/gpu': '2' });
  node('arm', 'arm64', { cpu: '4', memory: '8Gi' });
  server.store.create('namespaces', { metadata: { name: 'tekton-pipelines' } });
  const map = (name: string, data: Record<string, string>): void => {
    server.store.create('configmaps', { metadata: { name, namespace: 'tekton-pipelines' }, data });
  };
  map('pipelines-info', { version: 'v1.9.0' });
  map('feature-flags', { _example: 'long', 'enable-api-fields': 'beta', coschedule: 'workspaces' });
}

describe('what a cluster can do', () => {
  let world: ConnectorWorld;
  beforeAll(async () => {
    world = await ConnectorWorld.start();
    furnish(world);
  });
  afterAll(() => world.close());

  it('is detected on its nodes, storage and Tekton', async () => {
    const detected = await detectCapabilities(await world.byToken(), { timeoutMs: 2_000, now: NOW });
    expect(detected).toEqual({
      architectures: ['amd64', 'arm64'],
      operatingSystems: ['linux'],
      gpus: 2,
      gpuKinds: { 'nvidia.com/gpu': 2 },
      largestNode: { cpuMillis: 16_000, memoryBytes: 64 * 2 ** 30 },
      storageClasses: [{ name: 'standard', isDefault: true }],
      kubernetesVersion: expect.stringMatching(/^v1\./),
      tektonVersion: 'v1.9.0',
      tektonFeatures: { 'enable-api-fields': 'beta', coschedule: 'workspaces' },
      undetected: {},
      detectedAt: '2026-11-21T12:00:00.000Z',
      generation: 1,
    });
  });

  it('keeps what is refused from hiding the rest, and names why it is not known', async () => {
    world.server.fault(
      { path: '/api/v1/namespaces/tekton-pipelines/configmaps/feature-flags' },
      { kind: 'status', status: 403 },
    );
    world.server.fault({ path: '/api/v1/nodes' }, { kind: 'status', status: 403 });
    const detected = await detectCapabilities(await world.byToken(), { timeoutMs: 2_000, now: NOW });
    expect(detected).toMatchObject({
      tektonVersion: 'v1.9.0',
      undetected: { nodes: { reason: 'ClusterForbidden' }, tektonFeatures: { reason: 'ClusterForbidden' } },
    });
    expect(detected).not.toHaveProperty('architectures');
    expect(detected).not.toHaveProperty('tektonFeatures');
  });
});

describe('the detection', () => {
  let world: ConnectorWorld;
  let harness: ApiHarness;
  let database: Database;
  let pool: ConnectionPool;

  beforeAll(async () => {
    world = await ConnectorWorld.start();
    furnish(world);
    harness = await ApiHarness.start({ egressAllow: ['127.0.0.1'] });
    database = Database.create({ url: harness.database.url, poolSize: 4, applicationName: 'detection-test' });
    await database.connect();
    const keys = (await readFile(join(harness.directory, 'encryption-keys'), 'utf8')).trim();
    const providers = new PostgresProviderRepository(database, new SecretCipher(parseEncryptionKeys(keys)));
    const egress = new EgressPolicy({ allow: ['127.0.0.1'] });
    const context = { fileRules: { allowedDirs: [], anyPath: false }, allowHttp: true };
    pool = new ConnectionPool({
      providers,
      connect: (provider, credential) => openClusterConnection(provider, credential, { egress, context }),
      clock: systemClock,
      logger: createSilentLogger(),
    });
  });
  afterAll(async () => {
    await pool.close();
    await database.close();
    await harness.stop();
    await world.close();
  });

  it('is done once per interval over all dispatchers, and shown with the source of each capability', async () => {
    const created = await harness.call('POST', PROVIDERS, {
      body: {
        name: 'seen',
        provider_type: 'kubernetes',
        capabilities: ['ssd', 'amd64'],
        labels: { zone: 'a' },
        config: { auth_method: 'token', ...world.server.providerConfig() },
      },
    });
    expect(created.body).toMatchObject({
      detected: null,
      known_capabilities: [
        { name: 'amd64', origins: ['declared'] },
        { name: 'ssd', origins: ['declared'] },
      ],
    });
    const detections = new PostgresDetections(database);
    const make = (): CapabilityDetection =>
      new CapabilityDetection({
        connections: pool,
        claimDue: (everyMs, most) => detections.claimDue(everyMs, most),
        record: (providerId, look) => detections.record(providerId, look),
        clock: systemClock,
        logger: createSilentLogger(),
      });
    const dispatchers = [make(), make(), make()];
    // A cluster that no probe has reached is left for later.
    expect(await Promise.all(dispatchers.map((one) => one.runOnce()))).toEqual([0, 0, 0]);
    await harness.sql.query(`UPDATE providers SET health = 'healthy'`);
    const again = [make(), make(), make()];
    const started = await Promise.all(again.map((one) => one.runOnce()));
    expect(started.reduce((sum, count) => sum + count, 0)).toBe(1);
    await Promise.all(again.map((one) => one.settled()));
    const { body } = await harness.call('GET', `${PROVIDERS}/${created.body.id}`);
    expect(body).toMatchObject({
      capabilities: ['ssd', 'amd64'],
      known_capabilities: [
        { name: 'amd64', origins: ['declared', 'detected'] },
        { name: 'arm64', origins: ['detected'] },
        { name: 'gpu', origins: ['detected'] },
        { name: 'linux', origins: ['detected'] },
        { name: 'ssd', origins: ['declared'] },
      ],
      detected: {
        gpus: { 'nvidia.com/gpu': 2 },
        largest_node: { cpu_millis: 16_000, memory_bytes: 64 * 2 ** 30 },
        storage_classes: [{ name: 'standard', is_default: true }],
        tekton_version: 'v1.9.0',
        tekton_features: { coschedule: 'workspaces' },
        undetected: {},
      },
    });
    expect(body.known_labels).toContainEqual({ name: 'zone', value: 'a', origin: 'declared' });
    expect(body.known_labels).toContainEqual({
      name: 'image-factory.io/tekton-version',
      value: 'v1.9.0',
      origin: 'detected',
    });
    // Another round has nothing to do, and what is detected is no change of the provider.
    expect(await make().runOnce()).toBe(0);
    expect(body.updated_at).toBe(created.body.updated_at);
  });

  const due = () => harness.sql.query('UPDATE providers SET detect_due_at = now()');
  const shown = async () => (await harness.call('GET', PROVIDERS)).body.items[0];
  const detection = (record?: CapabilityDetectionOptions['record']): CapabilityDetection => {
    const detections = new PostgresDetections(database);
    return new CapabilityDetection({
      connections: pool,
      claimDue: (everyMs, most) => detections.claimDue(everyMs, most),
      record: record ?? ((providerId, look) => detections.record(providerId, look)),
      clock: systemClock,
      logger: createSilentLogger(),
    });
  };
  const look = async (): Promise<void> => {
    await due();
    const one = detection();
    expect(await one.runOnce()).toBe(1);
    await one.settled();
  };

  it('keeps over a failed look what was seen before, with its age', async () => {
    const before = await shown();
    world.server.fault({ path: '/api/v1/nodes' }, { kind: 'status', status: 503 });
    await look();
    const after = await shown();
    expect(after.detected).toMatchObject({
      architectures: ['amd64', 'arm64'],
      undetected: { nodes: { reason: 'ClusterUnavailable' } },
      seen_at: { nodes: before.detected.seen_at.nodes, kubernetes: after.detected.detected_at },
    });
    expect(after.detected.seen_at.nodes < after.detected.detected_at).toBe(true);
    expect(after.known_capabilities).toEqual(before.known_capabilities);
    await look();
    expect((await shown()).detected).toMatchObject({ undetected: {} });
  });

  it('drops a look that was made with an older config, and looks again', async () => {
    await due();
    const seen: string[] = [];
    const detections = new PostgresDetections(database);
    const one = detection(async (providerId, found) => {
      await harness.sql.query(
        `UPDATE providers SET generation = generation + 1, detect_due_at = now() + interval '9 min'`,
      );
      const outcome = await detections.record(providerId, { ...found, architectures: ['s390x'] });
      seen.push(outcome);
      return outcome;
    });
    await one.runOnce();
    await one.settled();
    expect(seen).toEqual(['superseded']);
    expect((await shown()).detected.architectures).toEqual(['amd64', 'arm64']);
    const { rows } = await harness.sql.query('SELECT detect_due_at <= now() AS due FROM providers');
    expect(rows).toEqual([{ due: true }]);
  });

  it('of a cluster that hangs ends at once when it is stopped', async () => {
    await pool.runOnce();
    world.server.fault({ path: '/api/v1/nodes' }, { kind: 'hang' });
    await due();
    const asked = world.server.seen({ path: '/api/v1/nodes' }).length;
    const one = detection();
    expect(await one.runOnce()).toBe(1);
    await eventually('it asks', () => world.server.seen({ path: '/api/v1/nodes' }).length > asked);
    const before = await shown();
    const startedMs = performance.now();
    await one.stop();
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    expect((await shown()).detected).toEqual(before.detected);
    expect(await one.runOnce()).toBe(0);
  });
});
