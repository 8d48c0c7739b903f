import { type ClusterConnection, openClusterConnection } from '@image-factory/cluster-connectors';
import { ConnectionPool } from '@image-factory/cluster-registry';
import { isDomainError } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { createSilentLogger } from '@image-factory/telemetry';
import { eventually, FakeClock, FakeKubeApiServer, InMemoryProviderRepository } from '@image-factory/test-support';
import { afterEach, describe, expect, it } from 'vitest';
import { heldByProcess } from './held-by-process.ts';

const AT_ONCE = 20;
const IDLE_MS = 60_000;
const egress = new EgressPolicy({ allow: ['127.0.0.1'], allowHttp: ['127.0.0.1'] });
const context = { fileRules: { allowedDirs: [], anyPath: false }, allowHttp: true };

/** A pool over clusters that all are one server, with each way in which a connection comes to its end. */
class LeakWorld {
  readonly clock = new FakeClock();
  readonly providers = new InMemoryProviderRepository(this.clock);
  readonly pool = new ConnectionPool({
    providers: this.providers,
    connect: (provider, credential) =>
      openClusterConnection(provider, credential, { egress, context, clock: this.clock }),
    clock: this.clock,
    logger: createSilentLogger(),
    generationCheckMs: 0,
    maxIdleMs: IDLE_MS,
  });

  constructor(readonly server: FakeKubeApiServer) {}

  /** Connects once and drops the connection, in one of five ways. */
  async cycle(id: string, way: number): Promise<void> {
    const config = this.server.providerConfig();
    if (way === 3) config['endpoint'] = 'https://127.0.0.1:1';
    if (way === 4) config['token'] = 'unknown';
    this.providers.put(id, config);
    // As what a real holder keeps: enough of it to be seen when it stays.
    const weight = new Array<number>(128).fill(way);
    const undo = this.pool.onChanged(id, () => void weight.length);
    if (way === 1) {
      const held = await this.pool.hold(id);
      const watch = await held.connection.stream({ ...VERSION, path: '/api/v1/pods', query: { watch: 'true' } });
      this.providers.put(id, config);
      await this.pool.runOnce();
      watch.body.destroy();
      held.release();
    } else await this.pool.withConnection(id, askVersion).catch(expected);
    if (way === 2) this.providers.remove(id);
    undo();
  }

  async round(cycles: number): Promise<void> {
    for (let done = 0; done < cycles; done += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, (_unused, slot) => this.cycle(`p${slot}`, (done + slot) % 5)));
      this.server.requests.length = 0;
    }
    await this.clock.advance(IDLE_MS);
    await this.pool.runOnce();
    await eventually('every socket is closed', () => this.server.openConnections === 0);
  }
}

const VERSION = { requestClass: 'status', method: 'GET', path: '/version' } as const;
const askVersion = (connection: ClusterConnection): Promise<unknown> => connection.request(VERSION);

function expected(error: unknown): void {
  if (!isDomainError(error) || !['ClusterUnreachable', 'ClusterUnauthorized'].includes(error.reason)) throw error;
}

describe('a connection pool', () => {
  let world: LeakWorld;

  afterEach(async () => {
    await world.pool.close();
    await world.server.close();
  });

  it.each([
    ['over plain http', false, 9_000],
    ['over TLS', true, 1_000],
  ])(
    'holds no socket, no timer and no memory after thousands of connections that came and went, %s',
    async (_name, tls, cycles) => {
      world = new LeakWorld(await FakeKubeApiServer.start({ tls }));
      // What is made once (code, sessions, buffers) is there after the first part.
      await world.round(cycles / 5);
      const before = heldByProcess();
      await world.round(cycles - cycles / 5);
      const after = heldByProcess();
      expect(world.pool.view()).toEqual({ idle: 0, inUse: 0, draining: 0, connecting: 0 });
      expect(world.pool.openSockets().size).toBe(0);
      expect(after.sockets).toBeLessThanOrEqual(before.sockets);
      expect(after.timers).toBeLessThanOrEqual(before.timers + 2);
      // A quarter of a KiB for each is more; what a collection finds differs by a third of it.
      expect(after.heapMib - before.heapMib).toBeLessThan(1.5);
      expect(world.clock.sleeping).toBe(0);
    },
    240_000,
  );
});
