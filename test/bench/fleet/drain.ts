import { toResult, type MeasuredResult } from '../report.ts';
import type { BuildWorld } from '../queue/build-world.ts';
import { Clusters, type ClusterReport } from './clusters.ts';
import { DrainCpu } from './drain-cpu.ts';
import type { FleetBench } from './fleet.ts';
import { Installation } from './installation.ts';
import { attemptStages } from './stages.ts';
import { statusLags } from './status-lag.ts';

const DISPATCHERS = 2;
const CLUSTERS = 10;
/** Of each dispatcher: more of them under way than it can carry only wait for each other. */
const SLOTS = 100;
const HIGH = 2;
/** A tenth of a tenant's builds is high, three tenths are middle. */
const PRIORITY = `CASE WHEN n % 10 = 9 THEN ${HIGH} WHEN n % 10 >= 6 THEN 1 ELSE 0 END`;

/** What ended in the window, of several parts one behind the other, and what it took. */
interface Window {
  readonly builds: number;
  /** Builds a second in each part of it. */
  readonly rates: readonly number[];
  readonly before: ClusterReport;
  readonly after: ClusterReport;
  readonly cpu: readonly MeasuredResult[];
}

/**
 * 50,000 builds of 1,000 tenants wait; two dispatchers drain them through ten clusters with 5 to 20 ms of latency. First
 * each tenant has one build, whose namespace is cold: a figure of its own. Then all come, and the rate is that of a window
 * in the middle of the drain: it does not change with the backlog (B1).
 */
export async function measureFleetDrain(bench: FleetBench): Promise<MeasuredResult[]> {
  const tenantCount = Math.min(1_000, Math.ceil(bench.builds / 50), bench.quick ? 20 : 1_000);
  const perTenant = Math.ceil(bench.builds / tenantCount);
  const [warmMs, parts, partMs] = bench.quick ? [2_000, 1, 5_000] : [10_000, 5, 30_000];
  const clusters = await Clusters.start({ count: CLUSTERS, latencyMs: [5, 20] });
  const installation = await Installation.open(bench.serverUrl, 'fleet_drain');
  const { world } = installation;
  try {
    const tenants = await world.tenants(tenantCount, { maxRunning: 10 });
    await world.fill(tenants, { perTenant: 1, method: 'packer' });
    await installation.addClusters(clusters.configs);
    const environment = { IF_DISPATCHER_SLOTS: String(SLOTS), IF_HEALTH_INTERVAL_MS: '5000' };
    const dispatchers = await installation.startDispatchers(DISPATCHERS, environment);
    const cold = await coldStart(installation, tenantCount);
    await installation.paused(async () => {
      await world.fill(tenants, { perTenant, priority: PRIORITY, method: 'packer' });
      await world.rows('VACUUM ANALYZE');
    });
    await wait(warmMs);
    const cpu = await DrainCpu.start(world, dispatchers, clusters);
    const window = await measureWindow(world, clusters, cpu, { parts, partMs });
    const what = `${tenantCount * perTenant} queued, none with an image to publish, ${tenantCount} tenants, 3 priorities, ${CLUSTERS} clusters`;
    const lags = await statusLags(world, window.after.ended);
    return [
      toResult({
        id: 'drain-rate',
        title: `builds/s of each of ${DISPATCHERS} dispatchers, ${what}, in ${parts} windows of ${partMs / 1_000} s`,
        samples: window.rates.map((rate) => rate / DISPATCHERS),
        q: 0.5,
        target: { text: 'at least 100', met: (value) => value >= 100 },
      }),
      cold,
      await priorityWait(world),
      ...writesPerBuild(window),
      toResult({
        id: 'drain-status-lag',
        title: `a run's end → its outcome committed, at full load, p99 of ${lags.length}, ms`,
        samples: lags,
        q: 0.99,
      }),
      ...window.cpu,
      ...(await attemptStages(world, 5_000)),
    ];
  } finally {
    await installation.close();
    clusters.stop();
  }
}

/** The first build of every tenant: each namespace is made on its way. */
async function coldStart(installation: Installation, tenantCount: number): Promise<MeasuredResult> {
  const fromMs = performance.now();
  await installation.reaches('the first build of each tenant to end', FINISHED, tenantCount, 180_000);
  const seconds = (performance.now() - fromMs) / 1000;
  return toResult({
    id: 'drain-cold-rate',
    title: `the same while ${tenantCount} tenants have their first build, each in a namespace that is made for it`,
    samples: [tenantCount / seconds / DISPATCHERS],
    q: 0.5,
  });
}

async function measureWindow(
  world: BuildWorld,
  clusters: Clusters,
  cpu: DrainCpu,
  { parts, partMs }: { readonly parts: number; readonly partMs: number },
): Promise<Window> {
  const before = await clusters.report();
  const first = await finishedUntilNow(world);
  const rates: number[] = [];
  let last = first;
  for (let part = 0; part < parts; part += 1) {
    await wait(partMs);
    const now = await finishedUntilNow(world);
    rates.push((now.builds - last.builds) / ((now.atMs - last.atMs) / 1000));
    last = now;
  }
  const builds = last.builds - first.builds;
  return { builds, rates, before, after: await clusters.report(), cpu: await cpu.perBuild(builds) };
}

async function finishedUntilNow(world: BuildWorld): Promise<{ readonly builds: number; readonly atMs: number }> {
  return { builds: await world.number(FINISHED), atMs: performance.now() };
}

const FINISHED = 'SELECT count(*) AS n FROM builds WHERE finished_at IS NOT NULL';

/**
 * What an attempt writes where its tenant's namespace is warm, as the target means it; and what it costs to make one
 * ready, by tenant and cluster and not by build, with how often that was.
 */
function writesPerBuild({ builds, before, after }: Window): MeasuredResult[] {
  const preparations = after.preparations - before.preparations;
  const namespaces = after.namespaces - before.namespaces;
  const ofAttempts = after.writes - before.writes - preparations;
  const made = Math.round((100 * namespaces) / Math.max(1, builds));
  const rows = [
    toResult({
      id: 'drain-writes',
      title: 'cluster writes per build, in warm namespaces',
      samples: [ofAttempts / Math.max(1, builds)],
      q: 0.5,
      // To a tenth of a write, as published: builds that are under way at the window's ends are counted in part.
      target: { text: 'at most 4.0', met: (value) => Number(value.toFixed(1)) <= 4 },
    }),
  ];
  if (namespaces === 0) return rows;
  const title = `cluster writes that make a tenant’s namespace ready on a cluster, once (${made} for 100 builds in this window)`;
  return [...rows, toResult({ id: 'drain-writes-cold', title, samples: [preparations / namespaces], q: 0.5 })];
}

/**
 * All waited from the start, so the wait of a build is its place in the order of claims divided by the capacity; the
 * ideal order has every high build first. Only what was claimed until now is looked at: high builds that still wait are
 * counted as if they came next, which is the least that they can wait.
 */
async function priorityWait(world: BuildWorld): Promise<MeasuredResult> {
  const rows = await world.rows<{ high: boolean; claimed: boolean }>(
    `SELECT b.priority = $1 AS high, c.at IS NOT NULL AS claimed
       FROM (SELECT * FROM builds WHERE build_number > 1) b
       LEFT JOIN LATERAL (SELECT min(id) AS at FROM build_events v
                           WHERE v.build_id = b.id AND v.subject = 'build' AND v.to_state = 'running') c ON true
      ORDER BY c.at NULLS LAST, b.priority DESC`,
    [HIGH],
  );
  const places = rows.flatMap(({ high }, index) => (high ? [index + 1] : []));
  const mean = places.reduce((sum, place) => sum + place, 0) / places.length;
  const claimed = rows.filter((row) => row.claimed);
  const waiting = places.length - claimed.filter(({ high }) => high).length;
  return toResult({
    id: 'drain-priority',
    title: `mean place of the ${places.length} high builds in the order of the first ${claimed.length} claims (${waiting} of them still wait, and count as next)`,
    samples: [mean],
    q: 0.5,
    control: { name: 'ideal order', samples: [(places.length + 1) / 2] },
    target: { text: 'at most 1.1 ×', met: (_value, ratio) => ratio !== null && ratio <= 1.1 },
  });
}

async function wait(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
