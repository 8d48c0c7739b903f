import { ClusterConnection, ConnectObserver, ListWatch, TokenBroker } from '@image-factory/cluster-connectors';
import { Secret } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { createSilentLogger, Metrics, systemClock } from '@image-factory/telemetry';
import { eventually, FakeKubeApiServer } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { heldByProcess } from './held-by-process.ts';

const AT_ONCE = 10;
const CYCLES = 600;
const LIFE_MS = 15 * 60_000;
const egress = new EgressPolicy({ allow: ['127.0.0.1'] });
const PODS = '/api/v1/namespaces/builds/pods';

let server: FakeKubeApiServer;
let metrics: Metrics;
beforeEach(async () => {
  server = await FakeKubeApiServer.start({ namespaces: ['builds'] });
  server.store.create('pods', { metadata: { name: 'p', namespace: 'builds' } });
  server.logs.append('builds', 'p', 'c', 'one line');
  metrics = new Metrics();
});
afterEach(() => server.close());

/** Everything that a cluster is used for, begun and dropped in the middle: watch, log, tokens that are made and renewed. */
async function cycle(slot: number): Promise<void> {
  const broker = new TokenBroker({
    name: `cluster ${slot}`,
    mint: () => Promise.resolve({ value: 'fake-token', expiresAt: new Date(Date.now() + LIFE_MS) }),
    clock: systemClock,
  });
  const provider = { id: `p${slot}`, name: `cluster-${slot}` };
  const connection = new ClusterConnection({
    providerId: provider.id,
    generation: 1,
    access: {
      server: server.url,
      ca: { kind: 'value', value: new Secret(server.ca) },
      tlsServerName: undefined,
      identity: { kind: 'broker', broker },
    },
    egress,
    clock: systemClock,
    observer: new ConnectObserver({ provider, method: 'token', logger: createSilentLogger(), metrics }),
  });
  const watch = new ListWatch({
    connection,
    path: PODS,
    labelSelector: '',
    form: 'object',
    project: ({ metadata }) => metadata.name,
    onUpsert: () => undefined,
    onDelete: () => undefined,
    clock: systemClock,
    logger: createSilentLogger(),
  });
  watch.start();
  // Without a time limit of its own, whose timer would be counted until it is due.
  const stop = new AbortController();
  await watch.ready(stop.signal);
  const log = await connection.stream({
    requestClass: 'logs',
    method: 'GET',
    path: `${PODS}/p/log`,
    query: { container: 'c', follow: true },
    accept: '*/*',
    signal: stop.signal,
  });
  log.body.on('error', () => undefined);
  await broker.invalidate('fake-token');
  await connection.request({ requestClass: 'status', method: 'GET', path: PODS });
  // Every second one is closed under its users, as a connection is that is replaced.
  if (slot % 2 === 0) {
    stop.abort(new Error('the reader stops'));
    await watch.close();
  }
  await connection.close();
  if (slot % 2 === 1) {
    stop.abort(new Error('the reader stops'));
    await watch.close();
  }
}

async function round(cycles: number): Promise<void> {
  for (let done = 0; done < cycles; done += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_unused, slot) => cycle(slot)));
    server.requests.length = 0;
  }
  await eventually('every socket is closed', () => server.openConnections === 0);
}

describe('what a cluster is used for, over TLS', () => {
  it('leaves no socket, no timer and no memory behind: watches, logs, brokered tokens, observers', async () => {
    await round(CYCLES / 4);
    const before = heldByProcess();
    await round(CYCLES - CYCLES / 4);
    const after = heldByProcess();
    expect(after.sockets).toBeLessThanOrEqual(before.sockets);
    expect(after.timers).toBeLessThanOrEqual(before.timers + 2);
    expect(after.heapMib - before.heapMib).toBeLessThan(2);
  }, 180_000);
});
