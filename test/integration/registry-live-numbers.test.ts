import { openClusterConnection } from '@image-factory/cluster-connectors';
import { ConnectionPool, HealthMonitor } from '@image-factory/cluster-registry';
import { EgressPolicy } from '@image-factory/egress';
import { createSilentLogger } from '@image-factory/telemetry';
import { FakeClock, FakeKubeApiServer, InMemoryProviderRepository } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** What an operator's file may change while the process runs. */
const numbers = { intervalMs: 60_000, timeoutMs: 500, maxIdleMs: 600_000, maxClients: 10 };
const egress = new EgressPolicy({ allow: ['127.0.0.1'] });
const context = { fileRules: { allowedDirs: [], anyPath: false } };

let server: FakeKubeApiServer;
let clock: FakeClock;
let pool: ConnectionPool;
let monitor: HealthMonitor;

beforeEach(async () => {
  server = await FakeKubeApiServer.start();
  clock = new FakeClock();
  const providers = new InMemoryProviderRepository(clock);
  providers.put('a', server.providerConfig());
  const common = { providers, clock, logger: createSilentLogger() };
  pool = new ConnectionPool({
    ...common,
    connect: (provider, credential) => openClusterConnection(provider, credential, { egress, context, clock }),
    get maxIdleMs() {
      return numbers.maxIdleMs;
    },
    get maxClients() {
      return numbers.maxClients;
    },
  });
  monitor = new HealthMonitor({
    ...common,
    connections: pool,
    proberId: 'd',
    get intervalMs() {
      return numbers.intervalMs;
    },
    get timeoutMs() {
      return numbers.timeoutMs;
    },
  });
});
afterEach(async () => {
  Object.assign(numbers, { intervalMs: 60_000, timeoutMs: 500, maxIdleMs: 600_000, maxClients: 10 });
  await pool.close();
  await server.close();
});

async function round(): Promise<number> {
  const { started } = await monitor.runOnce();
  await monitor.settled();
  return started;
}

describe('numbers that change while the process runs', () => {
  it('are those of the next probe', async () => {
    numbers.intervalMs = 5_000;
    expect(await round()).toBe(1);
    await clock.advance(6_000);
    expect(await round()).toBe(1);
    numbers.intervalMs = 600_000;
    await clock.advance(6_000);
    expect(await round()).toBe(1);
    await clock.advance(60_000);
    expect(await round()).toBe(0);
  });

  it('are those of the next round over idle connections', async () => {
    await round();
    expect(pool.view().idle).toBe(1);
    expect((await pool.runOnce()).evicted).toBe(0);
    numbers.maxIdleMs = 1_000;
    await clock.advance(2_000);
    expect((await pool.runOnce()).evicted).toBe(1);
  });
});
