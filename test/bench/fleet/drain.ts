import { toResult, type BenchmarkResult } from '../report.ts';
import type { BuildWorld } from '../queue/build-world.ts';
import { Clusters } from './clusters.ts';
import type { FleetBench } from './fleet.ts';
import { Installation } from './installation.ts';
import { attemptStages } from './stages.ts';
import { DrainCpu } from './drain-cpu.ts';
import { statusLag } from './status-lag.ts';

const DISPATCHERS = 2;
const CLUSTERS = 10;
const HIGH = 2;
/** A tenth of a tenant's builds is high, three tenths are middle. */
const PRIORITY = `CASE WHEN n % 10 = 9 THEN ${HIGH} WHEN n % 10 >= 6 THEN 1 ELSE 0 END`;

/**
 * 50,000 builds of 1,000 tenants wait; two dispatchers drain them through ten clusters with 5 to 20 ms of latency. The
 * rate is of a window in the middle of the drain: it does not change with the backlog (B1).
 */
export async function measureFleetDrain(bench: FleetBench): Promise<BenchmarkResult[]> {
  const [tenantCount, perTenant] = bench.quick ? [20, 100] : [1_000, 50];
  const [warmMs, windowMs] = bench.quick ? [4_000, 8_000] : [15_000, 60_000];
  const clusters = await Clusters.start({ count: CLUSTERS, latencyMs: [5, 20] });
  const installation = await Installation.open(bench.serverUrl, 'fleet_drain');
  const { world } = installation;
  try {
    const tenants = await world.tenants(tenantCount, { maxRunning: 10 });
    await world.fill(tenants, { perTenant, priority: PRIORITY, method: 'packer' });
    await world.rows('VACUUM ANALYZE');
    await installation.addClusters(clusters.configs);
    const dispatchers = await installation.startDispatchers(DISPATCHERS, {
      IF_DISPATCHER_SLOTS: '200',
      IF_HEALTH_INTERVAL_MS: '5000',
    });
    await installation.reaches('the first builds to end', finished(''), 1, 180_000);
    await wait(warmMs);
    const before = await world.number(finished(''));
    const beforeWrites = (await clusters.report()).writes;
    const cpu = await DrainCpu.start(world, dispatchers, clusters);
    const fromMs = performance.now();
    await wait(windowMs);
    const ended = (await world.number(finished(''))) - before;
    const seconds = (performance.now() - fromMs) / 1000;
    const used = await cpu.perBuild(ended);
    const report = await clusters.report();
    return [
      toResult({
        id: 'drain-rate',
        title: `builds/s of each of ${DISPATCHERS} dispatchers, ${tenantCount * perTenant} queued, ${tenantCount} tenants, 3 priorities, ${CLUSTERS} clusters, over ${Math.round(seconds)} s`,
        samples: [ended / seconds / DISPATCHERS],
        q: 0.5,
        target: { text: 'at least 100', met: (value) => value >= 100 },
      }),
      await priorityWait(world, tenantCount * perTenant),
      toResult({
        id: 'drain-writes',
        title: 'cluster writes per build (each tenant’s first build on a cluster makes its namespace besides)',
        samples: [(report.writes - beforeWrites) / Math.max(1, ended)],
        q: 0.5,
        target: { text: 'at most 4', met: (value) => value <= 4 },
      }),
      await statusLag(world, report, 'at full load'),
      ...used,
      ...(await attemptStages(world, 5_000)),
    ];
  } finally {
    await installation.close();
    clusters.stop();
  }
}

function finished(more: string): string {
  return `SELECT count(*) AS n FROM builds WHERE finished_at IS NOT NULL ${more}`;
}

/**
 * All waited from the start, so the wait of a build is its place in the order of claims divided by the capacity; the
 * ideal order has every high build first. Builds that are not claimed yet come after all others, high ones first.
 */
async function priorityWait(world: BuildWorld, total: number): Promise<BenchmarkResult> {
  const rows = await world.rows<{ high: boolean }>(
    `SELECT b.priority = $1 AS high
       FROM builds b
       LEFT JOIN LATERAL (SELECT min(id) AS at FROM build_events v
                           WHERE v.build_id = b.id AND v.subject = 'build' AND v.to_state = 'running') c ON true
      ORDER BY c.at NULLS LAST, b.priority DESC`,
    [HIGH],
  );
  const places = rows.flatMap(({ high }, index) => (high ? [index + 1] : []));
  const mean = places.reduce((sum, place) => sum + place, 0) / places.length;
  return toResult({
    id: 'drain-priority',
    title: `mean place of the ${places.length} high builds in the order of ${total} claims`,
    samples: [mean],
    q: 0.5,
    control: { name: 'ideal order', samples: [(places.length + 1) / 2] },
    target: { text: 'at most 1.1 ×', met: (_value, ratio) => ratio !== null && ratio <= 1.1 },
  });
}

async function wait(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
