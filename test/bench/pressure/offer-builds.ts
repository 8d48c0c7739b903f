import { ClusterConnection, resolveAccess } from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';
import { FakeKubeApiServer } from '@image-factory/test-support';
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../report.ts';

export type Sickness = 'well' | 'slow' | 'dead';

export interface RoundResult {
  /** Builds created in a second on all clusters but the first. */
  readonly perSecond: number;
  readonly p95Ms: number;
  /** Most of the shared room that the first cluster held at once. */
  readonly heldPercent: number;
}

const CLUSTERS = 10;
/** Placements under way at once in one dispatcher. */
const SHARED_ROOM = 200;
const PER_SECOND = 10;
const TICK_MS = 50;
const REQUESTS = 4;
const SLOW_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;
/** As PlaceBuild parks what a provider cannot take now. */
const PARK_MS = 2_000;

interface Offer {
  readonly cluster: number;
  readonly offeredAtMs: number;
}

/** One round: ten fake API servers over real HTTP with 5 to 20 ms of latency, of which the first may be sick. */
export async function offerBuilds(sickness: Sickness, seconds: number): Promise<RoundResult> {
  const servers = await Promise.all(Array.from({ length: CLUSTERS }, () => startServer()));
  const connections = await Promise.all(servers.map((server) => connect(server)));
  const [first] = servers;
  if (sickness === 'slow') first?.fault({}, { kind: 'delay', ms: SLOW_MS }, Number.MAX_SAFE_INTEGER);
  if (sickness === 'dead') first?.hangConnections(true);
  for (const server of servers)
    server.fault({}, { kind: 'delay', ms: 5 + Math.random() * 15 }, Number.MAX_SAFE_INTEGER);
  try {
    return await new Round(connections).run(seconds);
  } finally {
    await Promise.all(connections.map((connection) => connection.close()));
    await Promise.all(servers.map((server) => server.close()));
  }
}

class Round {
  readonly #queue: Offer[] = [];
  readonly #waitsMs: number[] = [];
  #placing = 0;
  #held = 0;
  #mostHeld = 0;
  #over = false;

  readonly #connections: readonly ClusterConnection[];

  constructor(connections: readonly ClusterConnection[]) {
    this.#connections = connections;
  }

  async run(seconds: number): Promise<RoundResult> {
    const ticks = (seconds * 1000) / TICK_MS;
    const perTick = (CLUSTERS * PER_SECOND * TICK_MS) / 1000;
    for (let tick = 0; tick < ticks; tick += 1) {
      for (let index = 0; index < perTick; index += 1)
        this.#queue.push({ cluster: (tick * perTick + index) % CLUSTERS, offeredAtMs: performance.now() });
      this.#claim();
      await sleep(TICK_MS);
    }
    this.#over = true;
    return {
      perSecond: this.#waitsMs.length / seconds,
      p95Ms: quantile(this.#waitsMs, 0.95),
      heldPercent: (100 * this.#mostHeld) / SHARED_ROOM,
    };
  }

  #claim(): void {
    while (this.#placing < SHARED_ROOM && !this.#over) {
      const offer = this.#queue.shift();
      if (offer === undefined) return;
      this.#placing += 1;
      if (offer.cluster === 0) this.#mostHeld = Math.max(this.#mostHeld, (this.#held += 1));
      void this.#place(offer).finally(() => {
        this.#placing -= 1;
        if (offer.cluster === 0) this.#held -= 1;
        this.#claim();
      });
    }
  }

  async #place(offer: Offer): Promise<void> {
    try {
      for (let step = 0; step < REQUESTS; step += 1) {
        await this.#connections[offer.cluster]?.request({
          requestClass: 'create',
          method: 'GET',
          path: '/api/v1/namespaces/default',
          timeoutMs: REQUEST_TIMEOUT_MS,
        });
      }
      if (offer.cluster > 0 && !this.#over) this.#waitsMs.push(performance.now() - offer.offeredAtMs);
    } catch {
      setTimeout(() => this.#queue.push(offer), PARK_MS).unref();
    }
  }
}

function startServer(): Promise<FakeKubeApiServer> {
  return FakeKubeApiServer.start({ tls: false });
}

async function connect(server: FakeKubeApiServer): Promise<ClusterConnection> {
  const context = { fileRules: { allowedDirs: [], anyPath: false }, allowHttp: true };
  const access = await resolveAccess('token', server.providerConfig(), context);
  const egress = new EgressPolicy({ allow: ['127.0.0.1'], allowHttp: ['127.0.0.1'] });
  return new ClusterConnection({ providerId: server.url, generation: 1, access, egress });
}
