import { ClusterConnection, resolveAccess } from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';
import { FakeKubeApiServer } from '@image-factory/test-support';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../report.ts';

/** Of the first cluster; `absent`: nothing is offered for it, which is the control. */
export type Sickness = 'absent' | 'slow' | 'dead';

export interface RoundResult {
  /** Placements that ended in a second on all clusters but the first: requests that read, one after the other. */
  readonly perSecond: number;
  /** From its turn to its end. */
  readonly p95Ms: number;
  /** Most of the shared room that the first cluster held at once. */
  readonly heldPercent: number;
}

const CLUSTERS = 10;
/** Placements under way at once in one dispatcher. */
const SHARED_ROOM = 200;
/** As many as a placement sends in a warm namespace. */
export const REQUESTS = 4;
const SLOW_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;
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
    return await new Round(connections, sickness === 'absent' ? 1 : 0).run(seconds);
  } finally {
    await Promise.all(connections.map((connection) => connection.close()));
    await Promise.all(servers.map((server) => server.close()));
  }
}

/**
 * A closed loop: whenever there is shared room the next placement begins, on the clusters in turn. So the rate is all
 * that the process can do, and what a sick cluster takes of it is missing. What is refused is parked, as PlaceBuild
 * does: it gives its room back, and others are there to take it.
 */
class Round {
  readonly #tookMs: number[] = [];
  #next = 0;
  #held = 0;
  #mostHeld = 0;
  #over = false;

  readonly #connections: readonly ClusterConnection[];
  readonly #first: number;

  constructor(connections: readonly ClusterConnection[], first: number) {
    this.#connections = connections;
    this.#first = first;
  }

  async run(seconds: number): Promise<RoundResult> {
    const places = Array.from({ length: SHARED_ROOM }, () => this.#placeOnAndOn());
    await sleep(seconds * 1000);
    this.#over = true;
    const result = {
      perSecond: this.#tookMs.length / seconds,
      p95Ms: quantile(this.#tookMs, 0.95),
      heldPercent: (100 * this.#mostHeld) / SHARED_ROOM,
    };
    // Those on a cluster that hangs end when its connection is closed.
    void Promise.all(places);
    return result;
  }

  async #placeOnAndOn(): Promise<void> {
    while (!this.#over) {
      const cluster = this.#first + (this.#next % (CLUSTERS - this.#first));
      this.#next += 1;
      if (cluster === 0) this.#mostHeld = Math.max(this.#mostHeld, (this.#held += 1));
      await this.#place(cluster);
      if (cluster === 0) this.#held -= 1;
    }
  }

  async #place(cluster: number): Promise<void> {
    const fromMs = performance.now();
    try {
      for (let step = 0; step < REQUESTS; step += 1) {
        await this.#connections[cluster]?.request({
          requestClass: 'create',
          method: 'GET',
          path: '/api/v1/namespaces/default',
          timeoutMs: REQUEST_TIMEOUT_MS,
        });
      }
    } catch {
      // A refusal that is known at once must not keep the loop from what else there is to do.
      await setImmediate();
      return;
    }
    if (cluster > 0 && !this.#over) this.#tookMs.push(performance.now() - fromMs);
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
