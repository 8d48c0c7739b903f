import { type ClusterConnection, openClusterConnection } from '@image-factory/cluster-connectors';
import { ConnectionPool } from '@image-factory/cluster-registry';
import { DomainError } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { createSilentLogger } from '@image-factory/telemetry';
import {
  eventually,
  FakeClock,
  FakeKubeApiServer,
  InMemoryProviderRepository,
  TestSignal,
} from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const egress = new EgressPolicy({ allow: ['127.0.0.1'] });
const context = { fileRules: { allowedDirs: [], anyPath: false } };

let server: FakeKubeApiServer;
let clock: FakeClock;
let providers: InMemoryProviderRepository;
let pool: ConnectionPool;

beforeEach(async () => {
  server = await FakeKubeApiServer.start();
  clock = new FakeClock();
  providers = new InMemoryProviderRepository(clock);
  pool = createPool();
  providers.put('a', server.providerConfig());
});

afterEach(async () => {
  await pool.close();
  await server.close();
});

function createPool(more: { maxClients?: number; maxIdleMs?: number } = {}): ConnectionPool {
  return new ConnectionPool({
    providers,
    connect: (provider, credential) => openClusterConnection(provider, credential, { egress, context, clock }),
    clock,
    logger: createSilentLogger(),
    ...more,
  });
}

const version = (connection: ClusterConnection): Promise<unknown> =>
  connection.request({ requestClass: 'status', method: 'GET', path: '/version' });
const pods = (connection: ClusterConnection): Promise<unknown> =>
  connection.request({ requestClass: 'status', method: 'GET', path: '/api/v1/pods' });

describe('the connection pool', () => {
  it('makes one connection for a hundred callers at once', async () => {
    await Promise.all(Array.from({ length: 100 }, () => pool.withConnection('a', version)));
    expect(providers.opened).toBe(1);
    expect(server.connectionsAccepted).toBeLessThanOrEqual(16);
    expect(pool.view()).toEqual({ idle: 1, inUse: 0, draining: 0, connecting: 0 });
  });

  it('holds no lock while it connects: a provider that hangs delays no other', async () => {
    const gate = new TestSignal();
    providers.opening = gate.raised;
    const slow = pool.withConnection('a', version);
    await eventually('the first connects', () => pool.view().connecting === 1);
    providers.opening = undefined;
    providers.put('b', server.providerConfig());
    await pool.withConnection('b', version);
    gate.raise();
    await slow;
  });

  it('does not cache a failure to connect', async () => {
    providers.put('bad', { auth_method: 'token', endpoint: 'https://127.0.0.1:1' });
    await expect(pool.withConnection('bad', version)).rejects.toMatchObject({ reason: 'ProviderConfigInvalid' });
    providers.put('bad', server.providerConfig());
    await pool.withConnection('bad', version);
    await expect(pool.withConnection('none', version)).rejects.toMatchObject({
      kind: 'NotFound',
      reason: 'ProviderNotFound',
    });
  });

  it('gives the new generation after a change, lets users of the old one finish, then closes it', async () => {
    const held = await pool.hold('a');
    const told: number[] = [];
    pool.onChanged('a', () => told.push(1));
    providers.put('a', server.providerConfig());
    await clock.advance(6_000);
    await pool.withConnection('a', async (connection) => expect(connection.generation).toBe(2));
    expect(told).toHaveLength(1);
    await version(held.connection);
    expect(pool.view()).toMatchObject({ draining: 1 });
    held.release();
    expect(pool.view()).toMatchObject({ draining: 0 });
    await expect(version(held.connection)).rejects.toMatchObject({ details: { outcome: 'notSent' } });
  });

  it('tells holders of a change by its own upkeep, once, also those of an evicted connection', async () => {
    const held = await pool.hold('a');
    const told: number[] = [];
    pool.onChanged('a', () => told.push(1));
    server.tokens.clear();
    await expect(pool.withConnection('a', pods)).rejects.toMatchObject({ reason: 'ClusterUnauthorized' });
    providers.put('a', server.providerConfig());
    expect(await pool.runOnce()).toMatchObject({ replaced: 1 });
    expect(await pool.runOnce()).toMatchObject({ replaced: 0 });
    expect(told).toHaveLength(1);
    held.release();
  });

  it('tells holders of a refused connection as soon as another one stands, of the same generation too', async () => {
    const held = await pool.hold('a');
    const told: number[] = [];
    pool.onChanged('a', () => told.push(1));
    server.tokens.clear();
    await expect(pool.withConnection('a', pods)).rejects.toMatchObject({ reason: 'ClusterUnauthorized' });
    server.tokens.set('fake-token', 'fake-admin');
    await pool.withConnection('a', pods);
    expect(told).toHaveLength(1);
    await pool.withConnection('a', pods);
    expect(told).toHaveLength(1);
    held.release();
  });

  it('tells holders when their provider is gone', async () => {
    const held = await pool.hold('a');
    const told: number[] = [];
    const undo = pool.onChanged('a', () => told.push(1));
    providers.remove('a');
    await pool.runOnce();
    expect(told).toHaveLength(1);
    undo();
    held.release();
    await expect(pool.hold('a')).rejects.toMatchObject({ reason: 'ProviderNotFound' });
  });

  it('opens the credential anew after an authentication failure', async () => {
    await pool.withConnection('a', pods);
    server.tokens.clear();
    await expect(pool.withConnection('a', pods)).rejects.toMatchObject({ reason: 'ClusterUnauthorized' });
    expect(providers.opened).toBe(1);
    server.tokens.set('fake-token', 'fake-admin');
    await pool.withConnection('a', pods);
    expect(providers.opened).toBe(2);
  });

  it('bounds the unused and never evicts what is in use', async () => {
    await pool.close();
    pool = createPool({ maxClients: 2 });
    for (const id of ['b', 'c', 'd', 'e']) providers.put(id, server.providerConfig());
    const held = await Promise.all(['a', 'b', 'c', 'd'].map((id) => pool.hold(id)));
    expect(pool.view()).toMatchObject({ inUse: 4, idle: 0 });
    for (const one of held) {
      await version(one.connection);
      one.release();
      await clock.advance(1);
    }
    expect(pool.view()).toMatchObject({ inUse: 0, idle: 2 });
    await pool.withConnection('e', version);
    expect(pool.view()).toMatchObject({ idle: 2 });
    const opened = providers.opened;
    await pool.withConnection('d', version);
    expect(providers.opened).toBe(opened);
  });

  it('closes what nobody has used for the idle time', async () => {
    await pool.withConnection('a', version);
    const held = await pool.hold('a');
    await clock.advance(11 * 60_000);
    expect(await pool.runOnce()).toMatchObject({ evicted: 0 });
    held.release();
    await clock.advance(11 * 60_000);
    expect(await pool.runOnce()).toMatchObject({ evicted: 1 });
    await eventually('every socket is closed', () => server.openConnections === 0);
  });

  it('keeps serving what it has while the database is away', async () => {
    await pool.withConnection('a', version);
    providers.failure = new DomainError({ kind: 'Unavailable', reason: 'DatabaseUnavailable', message: 'away' });
    await clock.advance(6_000);
    await pool.withConnection('a', version);
    await expect(pool.withConnection('b', version)).rejects.toMatchObject({ reason: 'DatabaseUnavailable' });
    await expect(pool.runOnce()).rejects.toMatchObject({ reason: 'DatabaseUnavailable' });
  });

  it('leaks nothing over 200 generations with users on each', async () => {
    for (let round = 0; round < 200; round += 1) {
      const held = await pool.hold('a');
      await version(held.connection);
      providers.put('a', server.providerConfig());
      await pool.runOnce();
      held.release();
      held.release();
    }
    expect(pool.view()).toEqual({ idle: 0, inUse: 0, draining: 0, connecting: 0 });
    await eventually('every socket is closed', () => server.openConnections === 0);
  });

  it('ends everything on close, also under users, and takes nobody after it', async () => {
    const held = await pool.hold('a');
    server.fault({ path: '/version' }, { kind: 'hang' });
    const hanging = version(held.connection);
    const ended = expect(hanging).rejects.toMatchObject({ name: 'DomainError' });
    await eventually('the request is under way', () => server.seen({ path: '/version' }).length === 1);
    await pool.close();
    await ended;
    await expect(pool.hold('a')).rejects.toMatchObject({ kind: 'Unavailable' });
  });
});
