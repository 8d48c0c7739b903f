import { openClusterConnection, resolveAccess, testConnection } from '@image-factory/cluster-connectors';
import { checkReadiness, ConnectionPool, HealthMonitor } from '@image-factory/cluster-registry';
import type { ProbeRecord } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { createSilentLogger, systemClock } from '@image-factory/telemetry';
import {
  eventually,
  FAKE_OTHER_CA,
  FakeClock,
  FakeKubeApiServer,
  InMemoryProviderRepository,
  providerProbesContract,
} from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const egress = new EgressPolicy({ allow: ['127.0.0.1'] });
const context = { fileRules: { allowedDirs: [], anyPath: false } };

let server: FakeKubeApiServer;
let clock: FakeClock;
let providers: InMemoryProviderRepository;
let pool: ConnectionPool;
let monitor: HealthMonitor;

beforeEach(async () => {
  server = await FakeKubeApiServer.start();
  clock = new FakeClock();
  providers = new InMemoryProviderRepository(clock);
  const logger = createSilentLogger();
  pool = new ConnectionPool({
    providers,
    connect: (provider, credential) => openClusterConnection(provider, credential, { egress, context, clock }),
    clock,
    logger,
  });
  monitor = new HealthMonitor({
    providers,
    connections: pool,
    proberId: 'd',
    intervalMs: 30_000,
    timeoutMs: 2_000,
    clock,
    logger,
  });
});

afterEach(async () => {
  await pool.close();
  await server.close();
});

async function probe(): Promise<ProbeRecord> {
  await monitor.runOnce();
  await monitor.settled();
  const record = providers.records.at(-1);
  return record ?? expect.unreachable('nothing was recorded');
}

function condition(record: ProbeRecord, type: string): { status?: string; reason?: string } {
  return record.conditions.find((one) => one.type === type) ?? {};
}

providerProbesContract({ describe, it, expect, beforeEach, afterEach }, 'InMemoryProviderRepository', async () => {
  const time = new FakeClock();
  const repository = new InMemoryProviderRepository(time);
  let added = 0;
  return {
    repository,
    addProvider: async () => repository.put(`p${(added += 1)}`, {}).id,
    changeProvider: async (id) => {
      repository.put(id, {});
    },
    passTime: (ms) => time.advance(ms),
  };
});

describe('the health monitor', () => {
  it('says when requests to the cluster are held back, and lets its own through', async () => {
    providers.put('a', server.providerConfig());
    server.fault({ path: '/api/v1/pods' }, { kind: 'status', status: 503 }, 5);
    const request = { requestClass: 'status', method: 'GET', path: '/api/v1/pods' } as const;
    for (let index = 0; index < 5; index += 1) {
      await expect(pool.withConnection('a', (connection) => connection.request(request))).rejects.toThrow();
    }
    expect(pool.pressures().get('a')).toMatchObject({ breaker: 'open' });
    const record = await probe();
    expect(record.seen).toBe('healthy');
    expect(condition(record, 'RequestsAccepted')).toMatchObject({ status: 'False', reason: 'BreakerOpen' });
    clock.jump(30_000);
    await clock.advance(30_000);
    expect(condition(await probe(), 'RequestsAccepted')).toMatchObject({ status: 'True' });
  });

  it('finds a whole cluster healthy, with its facts', async () => {
    providers.put('a', server.providerConfig());
    const record = await probe();
    expect(record).toMatchObject({ seen: 'healthy', shown: { verdict: 'healthy', tektonAnswers: true }, lost: false });
    expect(record.clusterUid).toBe(server.store.find('namespaces', undefined, 'kube-system')?.metadata.uid);
    expect(record.facts).toMatchObject({ kubernetes_version: 'v1.36.3', nodes: 1, ready_nodes: 1 });
    expect(record.conditions.map((one) => [one.type, one.status])).toEqual([
      ['Reachable', 'True'],
      ['TektonAvailable', 'True'],
      ['Schedulable', 'True'],
      ['RequestsAccepted', 'True'],
      ['ApiResponsive', 'True'],
      ['VersionSupported', 'True'],
      ['CredentialValid', 'True'],
      ['FinishedRunsSwept', 'True'],
      ['PermissionsGranted', 'True'],
      ['AdmissionAnswers', 'True'],
      ['DiskAvailable', 'True'],
    ]);
  });

  it('shows what two probes in a row say, the second one soon after the first', async () => {
    providers.put('a', server.providerConfig());
    await probe();
    server.fault({ path: '/version' }, { kind: 'drop' }, 2);
    await clock.advance(31_000);
    expect(await probe()).toMatchObject({ seen: 'unhealthy', shown: { verdict: 'healthy', streak: 1 }, lost: true });
    const firstLossAt = (await providers.find('a'))?.health.firstLossAt;
    await clock.advance(6_000);
    expect(await probe()).toMatchObject({ seen: 'healthy', shown: { verdict: 'healthy', streak: 0 }, lost: false });
    await server.stopListening();
    await clock.advance(31_000);
    await probe();
    await clock.advance(6_000);
    expect(await probe()).toMatchObject({ seen: 'unhealthy', shown: { verdict: 'unhealthy', streak: 0 } });
    const lostAt = (await providers.find('a'))?.health.firstLossAt;
    expect(lostAt?.getTime()).toBeGreaterThan(firstLossAt?.getTime() ?? 0);
    await clock.advance(31_000);
    await probe();
    expect((await providers.find('a'))?.health.firstLossAt).toEqual(lostAt);
    await server.listen();
    await clock.advance(31_000);
    expect(await probe()).toMatchObject({ seen: 'healthy', shown: { verdict: 'unhealthy', streak: -1 } });
    await clock.advance(6_000);
    expect(await probe()).toMatchObject({ shown: { verdict: 'healthy', streak: 0 } });
  });

  it('asks the slow questions seldom, and with each probe while their answers are bad', async () => {
    providers.put('a', server.providerConfig());
    const next = async (): Promise<ProbeRecord> => {
      await clock.advance(31_000);
      return probe();
    };
    expect((await probe()).detailed).toBe(true);
    expect((await next()).detailed).toBe(false);
    server.denials.push({ verb: 'create', resource: 'secrets' });
    expect(await next()).toMatchObject({ seen: 'healthy', detailed: false });
    await clock.advance(300_000);
    expect(await probe()).toMatchObject({
      seen: 'degraded',
      because: { reason: 'PermissionsMissing' },
      detailed: true,
    });
    expect(await next()).toMatchObject({ seen: 'degraded', shown: { verdict: 'degraded' }, detailed: true });
    server.denials.length = 0;
    expect(await next()).toMatchObject({ seen: 'healthy', because: undefined, detailed: true });
    expect((await next()).detailed).toBe(false);
  });

  it('ends a whole probe at its time limit, however many of its requests hang', async () => {
    providers.put('a', server.providerConfig());
    server.fault({ path: '/version' }, { kind: 'delay', ms: 800 });
    server.fault({ path: /pipelineruns$/ }, { kind: 'hang' });
    server.fault({ path: '/api/v1/nodes' }, { kind: 'hang' }, 2);
    const startedMs = performance.now();
    monitor = new HealthMonitor({
      providers,
      connections: pool,
      proberId: 'd',
      intervalMs: 30_000,
      timeoutMs: 1_000,
      clock: systemClock,
      logger: createSilentLogger(),
    });
    expect(await probe()).toMatchObject({ seen: 'degraded' });
    expect(performance.now() - startedMs).toBeLessThan(1_500);
  });

  it('opens the credential anew once it is refused, and is healthy again by itself', async () => {
    providers.put('a', server.providerConfig());
    await probe();
    server.tokens.clear();
    await clock.advance(31_000);
    expect((await probe()).seen).not.toBe('healthy');
    server.tokens.set('fake-token', 'fake-admin');
    await clock.advance(31_000);
    expect((await probe()).seen).toBe('healthy');
    expect(providers.opened).toBe(2);
  });

  it('records nothing of a config that was replaced while it was probed, and probes the new one at once', async () => {
    providers.put('a', server.providerConfig());
    server.fault({ path: '/version' }, { kind: 'delay', ms: 200 });
    await monitor.runOnce();
    await eventually('the cluster is asked', () => pool.states().get('a') === 'in_use');
    providers.put('a', { ...server.providerConfig(), token: 'another' });
    await monitor.settled();
    expect(providers.records).toEqual([]);
    await clock.advance(6_000);
    expect(await probe()).toMatchObject({ generation: 2, seen: 'unhealthy' });
  });

  it('keeps the time of a transition while the status is the same', async () => {
    providers.put('a', server.providerConfig());
    const first = await probe();
    await clock.advance(31_000);
    const second = await probe();
    for (const one of second.conditions) expect(first.conditions).toContainEqual(one);
  });

  it('probes each provider once per interval, whoever asks', async () => {
    providers.put('a', server.providerConfig());
    const other = new HealthMonitor({
      providers,
      connections: pool,
      proberId: 'e',
      clock,
      logger: createSilentLogger(),
    });
    expect(await monitor.runOnce()).toMatchObject({ started: 1 });
    expect(await other.runOnce()).toMatchObject({ started: 0 });
    await monitor.settled();
    expect(server.seen({ path: '/version' })).toHaveLength(1);
  });

  it('lets a cluster that hangs delay no other', async () => {
    const healthy = await FakeKubeApiServer.start();
    server.fault({ path: '/version' }, { kind: 'hang' });
    providers.put('slow', server.providerConfig());
    for (const id of ['b', 'c', 'd']) providers.put(id, healthy.providerConfig());
    await monitor.runOnce();
    await eventually('three probes are recorded', () => providers.records.length === 3);
    expect(providers.records.map((record) => record.seen)).toEqual(['healthy', 'healthy', 'healthy']);
    await monitor.settled();
    expect(providers.records.at(-1)).toMatchObject({ providerId: 'slow', seen: 'unhealthy', lost: true });
    await pool.close();
    await healthy.close();
  });

  it('takes a wrong credential for the cluster that cannot be reached, with the reason', async () => {
    providers.put('a', { auth_method: 'kubeconfig', kubeconfig: 'users: [{name: u, user: {exec: {command: sh}}}]' });
    const record = await probe();
    expect(record).toMatchObject({ seen: 'unhealthy', lost: true });
    expect(condition(record, 'Reachable')).toMatchObject({ status: 'False', reason: 'KubeconfigInvalid' });
  });

  it('finds a local provider healthy without any request', async () => {
    providers.put('host', {}, { type: 'local' });
    expect(await probe()).toMatchObject({ seen: 'healthy', shown: { verdict: 'healthy' }, lost: false });
    expect(server.requests).toHaveLength(0);
  });

  it('refuses a time limit that is not below the interval', () => {
    const options = { providers, connections: pool, proberId: 'd', clock, logger: createSilentLogger() };
    expect(() => new HealthMonitor({ ...options, intervalMs: 1_000, timeoutMs: 1_000 })).toThrow(/below/);
  });
});

describe('readiness', () => {
  const check = async (): Promise<Awaited<ReturnType<typeof checkReadiness>>> => {
    const provider = await providers.find('a');
    if (provider === undefined) return expect.unreachable('no provider');
    return checkReadiness({ provider, connections: pool, clock, timeoutMs: 10_000 });
  };

  it('is ready on a whole cluster', async () => {
    providers.put('a', server.providerConfig());
    const readiness = await check();
    expect(readiness).toMatchObject({ ready: true, missing_prereqs: [] });
    expect(readiness.checks.map((one) => [one.name, one.status])).toEqual([
      ['provider_config.tekton_enabled', 'ok'],
      ['provider_kubeconfig', 'ok'],
      ['kubernetes_api', 'ok'],
      ['kubernetes_api_latency', 'ok'],
      ['tekton_api', 'ok'],
      ['tekton_api_latency', 'ok'],
      ['storage', 'ok'],
      ['namespace_permissions', 'ok'],
      ['cluster_capacity', 'ok'],
    ]);
  });

  it('names everything that is missing, in the order in which to fix it, with what to do', async () => {
    providers.put('a', server.providerConfig());
    server.tekton = false;
    server.store.delete('storageclasses', undefined, 'standard');
    server.denials.push({ verb: 'create', resource: 'secrets' });
    const readiness = await check();
    expect(readiness.ready).toBe(false);
    expect(readiness.missing_prereqs).toEqual(['tekton_api', 'storage', 'namespace_permissions']);
    const failed = readiness.checks.filter((one) => one.status === 'failed');
    expect(failed.map((one) => one.reason)).toEqual(['TektonNotInstalled', 'StorageClassMissing', 'ClusterForbidden']);
    expect(failed.every((one) => one.fix !== '')).toBe(true);
    expect(failed[2]?.message).toContain('create secrets');
    expect(readiness.checks.find((one) => one.name === 'tekton_api_latency')?.status).toBe('skipped');
  });

  it('skips what needs the cluster when the credential is wrong', async () => {
    providers.put('a', { auth_method: 'kubeconfig', kubeconfig: '{}' });
    const readiness = await check();
    expect(readiness.missing_prereqs).toEqual(['provider_kubeconfig']);
    expect(readiness.checks.slice(2).every((one) => one.status === 'skipped')).toBe(true);
  });

  it('asks for the configured StorageClass, not the default one', async () => {
    providers.put('a', server.providerConfig(), { settings: { authMethod: 'token', storageClass: 'fast' } });
    expect((await check()).missing_prereqs).toEqual(['storage']);
  });
});

describe('a connection test', () => {
  const run = async (config: Record<string, string>): Promise<string[]> => {
    const access = await resolveAccess('token', config, context);
    const steps = await testConnection(access, egress, { timeoutMs: 10_000 });
    return steps.map((step) => `${step.name} ${step.status}${step.reason === undefined ? '' : ` ${step.reason}`}`);
  };

  it('passes every step on a whole cluster', async () => {
    expect(await run(server.providerConfig())).toEqual([
      'resolve passed',
      'tcp passed',
      'tls passed',
      'authenticate passed',
      'version passed',
      'permissions passed',
    ]);
  });

  it.each([
    ['resolve', () => ({ endpoint: 'https://169.254.169.254' }), 'resolve failed EgressForbidden'],
    ['tcp', () => ({ endpoint: 'https://127.0.0.1:1' }), 'tcp failed ClusterUnreachable'],
    ['tls', () => ({ ca_cert: FAKE_OTHER_CA }), 'tls failed ClusterTlsFailed'],
    ['tls name', () => ({ tls_server_name: 'other.test' }), 'tls failed ClusterTlsFailed'],
    ['authenticate', () => ({ token: 'wrong' }), 'authenticate failed ClusterUnauthorized'],
  ] as const)('ends at %s with its reason and skips the rest', async (_name, change, line) => {
    const lines = await run({ ...server.providerConfig(), ...change() });
    const at = lines.indexOf(line);
    expect(lines).toContain(line);
    expect(lines.slice(0, at).every((one) => one.endsWith('passed'))).toBe(true);
    expect(lines.slice(at + 1).every((one) => one.endsWith('skipped'))).toBe(true);
  });

  it('names the permissions that are missing', async () => {
    server.denials.push({ verb: 'create', resource: 'pipelineruns' });
    const steps = await testConnection(await resolveAccess('token', server.providerConfig(), context), egress);
    expect(steps.at(-1)).toMatchObject({ name: 'permissions', status: 'failed' });
    expect(steps.at(-1)?.message).toContain('create pipelineruns.tekton.dev');
  });
});
