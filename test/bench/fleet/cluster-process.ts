/**
 * Fake clusters in a process of their own: N API servers over HTTP, each with a small Tekton, each slow in its own way.
 * It counts what is written, and knows when each run ended.
 */
import {
  FakeKubeApiServer,
  FakeTektonController,
  type FakeFault,
  type FakeObject,
  type FakeRunScript,
} from '@image-factory/test-support';
import { paced } from '../measure/closed-loop.ts';
import { EVICTED_EXIT, markEvicted } from './evicted-pod.ts';
import type { ClusterOptions, ClusterOrder, ClusterReport } from './clusters.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as ClusterOptions;
const CREATED = /\/pipelineruns$/;
const BUILD = /"image-factory\.io\/build":"([^"]+)"/;
/** What makes a tenant's namespace on a cluster, which is done once; and the record of the installation. */
const PREPARES = /\/(namespaces|serviceaccounts|tasks|configmaps)(\/[^/]+)?$/;
const DEFAULT_SECRET = '"name":"docker-config"';
const REVIEW = /^\/apis\/(authentication|authorization)\.k8s\.io\//;
const INJECTED: readonly FakeFault[] = [
  { kind: 'status', status: 500, reason: 'InternalError' },
  { kind: 'commitThenDrop' },
  { kind: 'status', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 1 },
  { kind: 'drop' },
  { kind: 'status', status: 503, reason: 'ServiceUnavailable' },
];
const report: { -readonly [K in keyof ClusterReport]: ClusterReport[K] } = {
  writes: 0,
  preparations: 0,
  namespaces: 0,
  created: 0,
  injected: 0,
  struck: [],
  broken: [],
  ended: {},
  duplicates: 0,
};
const createdNames = new Set<string>();

const HANGING: FakeRunScript = { build: { ending: 'hangs' } };
const BROKEN: FakeRunScript = { build: { ending: 'fails', exitCode: 1 } };
const EVICTED: FakeRunScript = { build: { ending: 'fails', exitCode: EVICTED_EXIT } };
/** What the runs of a build do, on whichever cluster. */
const chosen = new Map<string, FakeRunScript>();

function scriptOf(buildId: string): FakeRunScript {
  const known = chosen.get(buildId);
  if (known !== undefined) return known;
  const script = nextScript(chosen.size + 1);
  chosen.set(buildId, script);
  if (script === BROKEN) report.broken.push(buildId);
  return script;
}

/** Of the n-th build. */
function nextScript(nth: number): FakeRunScript {
  const { runMs, hangs, evictEvery, userErrorEvery } = options;
  if (userErrorEvery > 0 && nth % userErrorEvery === 0) return BROKEN;
  if (evictEvery > 0 && nth % evictEvery === 0) return EVICTED;
  return hangs || runMs > 0 ? HANGING : {};
}

function inject(buildId: string): void {
  report.injected += 1;
  if (!report.struck.includes(buildId)) report.struck.push(buildId);
}

/** A run that hangs. */
interface HangingRun {
  /** It or its task says how far it is, as Tekton does: one event. */
  touch(resource: 'pipelineruns' | 'taskruns'): void;
  end(): void;
}
const hanging: HangingRun[] = [];
const servers = await Promise.all(Array.from({ length: options.count }, (_unused, index) => startCluster(index)));

async function startCluster(index: number): Promise<FakeKubeApiServer> {
  const server = await FakeKubeApiServer.start();
  const controller = new FakeTektonController(server);
  const { latencyMs, runMs, hangs, injectEvery, evictEvery } = options;
  const spread = options.count > 1 ? index / (options.count - 1) : 0;
  const delayMs = latencyMs[0] + (latencyMs[1] - latencyMs[0]) * spread;
  controller.scripts.get = scriptOf;
  if (evictEvery > 0) {
    markEvicted(server, (buildId) => {
      if (chosen.get(buildId) !== EVICTED) return false;
      inject(buildId);
      // Only its first attempt meets this.
      chosen.set(buildId, {});
      return true;
    });
  }
  server.store.onEvent((event) => {
    if (event.resource.resource !== 'pipelineruns') return;
    const { name } = event.object.metadata;
    if (event.type === 'ADDED') {
      report.created += 1;
      if (createdNames.has(name)) report.duplicates += 1;
      createdNames.add(name);
      if (hangs) hanging.push(hangingRun(server, controller, event.object));
      if (runMs > 0 && !hangs) setTimeout(() => controller.finish(name), runMs * (0.5 + Math.random()));
    }
    const status = event.object['status'] as { conditions?: { status: string }[] } | undefined;
    if (event.type === 'MODIFIED' && ['True', 'False'].includes(status?.conditions?.[0]?.status ?? '')) {
      report.ended[name] ??= performance.timeOrigin + performance.now();
    }
  });
  if (delayMs > 0 || injectEvery > 0) disturb(server, delayMs, injectEvery);
  // Requests are counted and then forgotten: a test reads them, here they are memory that grows.
  const counted = server.requests.push.bind(server.requests);
  server.requests.push = (...seen) => {
    for (const { method, path, query, bodyText } of seen) {
      if (method === 'GET' || REVIEW.test(path) || query.has('dryRun')) continue;
      report.writes += 1;
      const prepares = PREPARES.test(path) || (path.endsWith('/secrets') && bodyText.includes(DEFAULT_SECRET));
      if (prepares) report.preparations += 1;
      if (path === '/api/v1/namespaces') report.namespaces += 1;
    }
    server.requests.length = 0;
    return counted(...seen);
  };
  return server;
}

function hangingRun(server: FakeKubeApiServer, controller: FakeTektonController, run: FakeObject): HangingRun {
  const { namespace, name } = run.metadata;
  let revision = 0;
  return {
    touch: (resource) => {
      revision += 1;
      server.store.update(resource, namespace, resource === 'taskruns' ? `${name}-build` : name, ({ status }) => {
        for (const condition of (status as { conditions: { message: string }[] }).conditions) {
          condition.message = `Not all of it has ended, seen ${revision}`;
        }
      });
    },
    end: () => controller.finish(name),
  };
}

let events = 0;

/**
 * Changes of runs at a steady rate; every so many-th is an end. The others go around the runs that go on: a run, which says
 * what nobody keeps, and a TaskRun, which has its attempt looked at, in turns.
 */
async function stir({ perSecond, endEvery, forMs }: Extract<ClusterOrder, { kind: 'stir' }>): Promise<void> {
  const fromMs = performance.now();
  let ends = 0;
  await paced(perSecond, forMs, (index) => {
    if (index % endEvery === 0) {
      hanging.shift()?.end();
      ends += 1;
    } else {
      hanging[events % hanging.length]?.touch(index % 2 === 0 ? 'pipelineruns' : 'taskruns');
      events += 1;
    }
    return Promise.resolve();
  });
  process.send?.({ kind: 'stirred', tookMs: performance.now() - fromMs, ends });
}

/** Every request waits; every n-th create of a run fails in one of five ways. */
function disturb(server: FakeKubeApiServer, delayMs: number, injectEvery: number): void {
  let creates = 0;
  server.faults.take = (request) => {
    if (injectEvery > 0 && request.method === 'POST' && CREATED.test(request.path) && !request.query.has('dryRun')) {
      const buildId = BUILD.exec(request.bodyText)?.[1] ?? '';
      // What their user broke fails by that alone.
      if (scriptOf(buildId) !== BROKEN) {
        creates += 1;
        if (creates % injectEvery === 0) {
          inject(buildId);
          return INJECTED[report.injected % INJECTED.length];
        }
      }
    }
    return delayMs > 0 ? { kind: 'delay', ms: delayMs } : undefined;
  };
}

/** So many of the first do not answer. */
let holes = 0;

process.on('message', (order: ClusterOrder) => {
  if (order.kind === 'stir') void stir(order);
  if (order.kind === 'report') process.send?.({ kind: 'report', ...report });
  if (order.kind === 'end') {
    const chosen = hanging.filter((_run, index) => index % order.every === 0);
    for (const run of chosen) run.end();
    process.send?.({ kind: 'ended', count: chosen.length });
  }
  if (order.kind !== 'black-hole') return;
  for (const [index, server] of servers.entries()) {
    const hangs = index < order.count;
    const hung = index < holes;
    if (hangs === hung) continue;
    server.hangConnections(hangs);
    server.dropConnections();
  }
  holes = order.count;
});
process.send?.({ kind: 'ready', configs: servers.map((server) => server.providerConfig()) });
