import { type ClusterConnection, CloudSessions } from '@image-factory/cluster-connectors';
import type { ConnectionPool } from '@image-factory/cluster-registry';
import { EgressPolicy } from '@image-factory/egress';
import { eventually, FakeClock, FakeKubeApiServer, InMemoryProviderRepository } from '@image-factory/test-support';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { cloudPool } from './cloud-pool.ts';
import { CloudStub } from './cloud-support.ts';

const SUBSCRIPTION = '00000000-1111-2222-3333-444444444444';
const CLUSTER = `/subscriptions/${SUBSCRIPTION}/resourceGroups/factory/providers/Microsoft.ContainerService/managedClusters/prod`;
const egress = new EgressPolicy({ allow: ['127.0.0.1'], allowHttp: ['127.0.0.1'] });

let server: FakeKubeApiServer;
let stub: CloudStub;
let clock: FakeClock;
let pool: ConnectionPool;
/** Of the local account, as Azure says it now. */
let token: string;

beforeAll(async () => {
  stub = await CloudStub.start();
  // What the Azure library reads, once; this file has a process of its own.
  process.env['IDENTITY_ENDPOINT'] = `${stub.url}/msi/token`;
  process.env['IDENTITY_HEADER'] = 'header';
});
afterAll(() => stub.close());

beforeEach(async () => {
  server = await FakeKubeApiServer.start();
  stub.requests.length = 0;
  token = 'first';
  server.tokens.clear();
  server.tokens.set(token, 'local-user');
  stub.answer = ({ path }) => {
    if (path === '/msi/token') {
      const expires_on = String(Math.floor(clock.now().getTime() / 1000) + 86_400);
      return { body: { access_token: 'eyJ.arm', expires_on, resource: 'arm', token_type: 'Bearer' } };
    }
    if (path === CLUSTER) return { body: { properties: { provisioningState: 'Succeeded', aadProfile: null } } };
    return { body: { kubeconfigs: [{ value: Buffer.from(kubeconfig()).toString('base64') }] } };
  };
  clock = new FakeClock(new Date());
  const providers = new InMemoryProviderRepository(clock);
  const cloud = new CloudSessions({ egress, clock, redirects: { 'https://management.azure.com': stub.url } });
  pool = cloudPool({ providers, egress, clock, cloud });
  providers.put('prod', {
    auth_method: 'aks-managed-identity',
    subscription_id: SUBSCRIPTION,
    resource_group: 'factory',
    cluster_name: 'prod',
  });
});

afterEach(async () => {
  await pool.close();
  await server.close();
});

function kubeconfig(): string {
  const authority = Buffer.from(server.ca).toString('base64');
  return stringify({
    'current-context': 'prod',
    clusters: [{ name: 'prod', cluster: { server: server.url, 'certificate-authority-data': authority } }],
    contexts: [{ name: 'prod', context: { cluster: 'prod', user: 'local' } }],
    users: [{ name: 'local', user: { token } }],
  });
}

const version = (connection: ClusterConnection): Promise<unknown> =>
  connection.request({ requestClass: 'probe', method: 'GET', path: '/version' });
const described = (): number => stub.seen(CLUSTER).length;

describe('an AKS cluster with local accounts', () => {
  it('is looked for as soon after many outages as after the first', async () => {
    const held = await pool.hold('prod');
    await version(held.connection);
    for (let outage = 1; outage <= 6; outage += 1) {
      await clock.advance(2 * 60_000);
      const heal = server.fault({ path: '/version' }, { kind: 'drop' }, 10_000);
      const before = described();
      await expect(version(held.connection)).rejects.toThrow();
      await eventually('its cloud is asked', () => described() > before);
      heal();
      await version(held.connection);
    }
    expect(held.connection.outdated).toBe(false);
    held.release();
  });

  it('is entered by the new credential as soon as the old one is refused, and holders are told', async () => {
    let told = 0;
    pool.onChanged('prod', () => (told += 1));
    const held = await pool.hold('prod');
    await version(held.connection);
    await clock.advance(2 * 60_000);
    server.tokens.clear();
    token = 'second';
    server.tokens.set(token, 'local-user');
    await expect(version(held.connection)).rejects.toMatchObject({ reason: 'ClusterUnauthorized' });
    await eventually('its credential is another one', () => held.connection.outdated);
    await pool.withConnection('prod', version);
    expect(told).toBe(1);
    expect(described()).toBe(2);
    held.release();
  });
});
