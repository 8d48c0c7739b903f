import { type ClusterConnection, CloudSessions } from '@image-factory/cluster-connectors';
import type { ConnectionPool } from '@image-factory/cluster-registry';
import { EgressPolicy } from '@image-factory/egress';
import { eventually, FakeClock, FakeKubeApiServer, InMemoryProviderRepository } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cloudPool } from './cloud-pool.ts';
import { CloudStub } from './cloud-support.ts';

const egress = new EgressPolicy({ allow: ['127.0.0.1'] });

let server: FakeKubeApiServer;
let stub: CloudStub;
let clock: FakeClock;
let pool: ConnectionPool;

beforeEach(async () => {
  server = await startServer();
  stub = await CloudStub.start();
  stub.answer = () => ({
    body: {
      cluster: {
        status: 'ACTIVE',
        endpoint: server.url,
        certificateAuthority: { data: Buffer.from(server.ca).toString('base64') },
      },
    },
  });
  // What the AWS library reads; this file has a process of its own.
  process.env['AWS_ENDPOINT_URL_EKS'] = stub.url;
  clock = new FakeClock();
  const providers = new InMemoryProviderRepository(clock);
  const cloud = new CloudSessions({ egress, clock });
  pool = cloudPool({ providers, egress, clock, cloud });
  providers.put('prod', {
    auth_method: 'eks-iam',
    cluster_name: 'prod',
    region: 'us-east-1',
    access_key_id: 'AKIAIOSFODNN7EXAMPLE',
    secret_access_key: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  });
});

afterEach(async () => {
  await pool.close();
  await server.close();
  await stub.close();
});

async function startServer(): Promise<FakeKubeApiServer> {
  const started = await FakeKubeApiServer.start();
  started.tokens.get = (token: string) => (token.startsWith('k8s-aws-v1.') ? 'eks-user' : undefined);
  return started;
}

const version = (connection: ClusterConnection): Promise<unknown> =>
  connection.request({ requestClass: 'probe', method: 'GET', path: '/version' });

describe('a cluster of a cloud that gets another endpoint', () => {
  it('is looked for again when it is not reached, found, and its holders are told', async () => {
    let told = 0;
    pool.onChanged('prod', () => (told += 1));
    const held = await pool.hold('prod');
    await version(held.connection);
    await clock.advance(2 * 60_000);
    const old = server;
    server = await startServer();
    await old.close();
    await expect(version(held.connection)).rejects.toThrow();
    await eventually('it has moved', () => held.connection.outdated);
    await pool.withConnection('prod', version);
    expect(server.requests.map((request) => request.user)).toEqual(['eks-user']);
    expect(told).toBe(1);
    expect(stub.seen('/clusters/prod')).toHaveLength(2);
    held.release();
    expect(pool.view()).toMatchObject({ idle: 1, draining: 0 });
  });

  it('is found as soon after many outages as after the first', async () => {
    const held = await pool.hold('prod');
    await version(held.connection);
    for (let outage = 1; outage <= 6; outage += 1) {
      await clock.advance(20 * 60_000);
      const heal = server.fault({ path: '/version' }, { kind: 'drop' }, 10_000);
      await expect(version(held.connection)).rejects.toThrow();
      await eventually('its cloud is asked', () => stub.seen('/clusters/prod').length === 1 + outage);
      heal();
      await version(held.connection);
    }
    expect(held.connection.outdated).toBe(false);
    await clock.advance(2 * 60_000);
    const old = server;
    server = await startServer();
    await old.close();
    await expect(version(held.connection)).rejects.toThrow();
    await eventually('it has moved', () => held.connection.outdated);
    held.release();
  });

  it('that is only away keeps its connection, and its cloud is asked ever less often', async () => {
    const held = await pool.hold('prod');
    await version(held.connection);
    server.fault({ path: '/version' }, { kind: 'drop' }, 10_000);
    for (let minute = 0; minute < 60; minute += 1) {
      await clock.advance(60_000);
      await version(held.connection).catch(() => undefined);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    expect(held.connection.outdated).toBe(false);
    await eventually('the last look is over', () => stub.seen('/clusters/prod').length >= 2);
    expect(stub.seen('/clusters/prod').length).toBeLessThan(15);
    held.release();
  });
});
