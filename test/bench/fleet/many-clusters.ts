import { residentMib } from '../main/memory.ts';
import { toResult, type BenchmarkResult } from '../report.ts';
import { Clusters } from './clusters.ts';
import type { FleetBench } from './fleet.ts';
import { Installation } from './installation.ts';

const RUNS = 20;
const HEALTH_MS = 10_000;

/** One dispatcher follows runs on very many clusters; then a tenth of them stops to answer. */
export async function measureManyClusters(bench: FleetBench): Promise<BenchmarkResult[]> {
  const count = bench.quick ? 20 : 500;
  const clusters = await Clusters.start({ count, hangs: true });
  const installation = await Installation.open(bench.serverUrl, 'fleet_clusters');
  const { world } = installation;
  try {
    const tenants = await world.tenants(1, { maxRunning: 1_000_000 });
    await world.fill(tenants, { perTenant: count * RUNS, method: 'packer' });
    await installation.addClusters(clusters.configs, { maxConcurrentBuilds: RUNS });
    const [dispatcher] = await installation.startDispatchers(1, {
      IF_DISPATCHER_SLOTS: String(count * RUNS),
      IF_HEALTH_INTERVAL_MS: String(HEALTH_MS),
      IF_DATABASE_POOL_SIZE: '20',
    });
    if (dispatcher === undefined) throw new Error('no dispatcher was started');
    const running = `SELECT count(*) AS n FROM build_executions WHERE state = 'running'`;
    await installation.reaches('all runs to run', running, count * RUNS, bench.quick ? 60_000 : 600_000);
    const resident = await residentMib(dispatcher.pid);
    const peak = await residentMib(dispatcher.pid, 'VmHWM');
    const sweepMs = await sweep(installation, '');
    const holes = count / 10;
    clusters.blackHole(holes);
    await new Promise((resolve) => setTimeout(resolve, HEALTH_MS));
    const besideMs = await sweep(installation, `WHERE split_part(name, '-', 2)::integer >= ${holes}`);
    return [
      toResult({
        id: 'clusters-memory',
        title: `resident memory of one dispatcher with ${count} clusters of ${RUNS} runs, MiB (peak ${Math.round(peak)})`,
        samples: [resident],
        q: 0.5,
        target: { text: 'under 1,536', met: (value) => value < 1_536 },
      }),
      toResult({
        id: 'clusters-sweep',
        title: `all ${count} clusters were probed within, ms (one probe each ${HEALTH_MS} ms)`,
        samples: [sweepMs],
        q: 0.5,
        target: { text: 'at most 30,000', met: (value) => value <= 30_000 },
      }),
      toResult({
        id: 'clusters-black-hole',
        title: `the other clusters were probed within, ms, while ${holes} of ${count} do not answer`,
        samples: [besideMs],
        q: 0.5,
        control: { name: 'while all answer', samples: [sweepMs] },
        target: { text: 'at most 1.05 ×', met: (_value, ratio) => ratio !== null && ratio <= 1.05 },
      }),
    ];
  } finally {
    await installation.close();
    clusters.stop();
  }
}

/** From now until every cluster that `where` chooses was probed again. */
async function sweep(installation: Installation, where: string): Promise<number> {
  const [row] = await installation.world.rows<{ now: Date; n: string }>(
    `SELECT clock_timestamp() AS now, (SELECT count(*) FROM providers ${where}) AS n`,
  );
  const since = row?.now.toISOString() ?? '';
  const fromMs = performance.now();
  const and = where === '' ? 'WHERE' : `${where} AND`;
  await installation.reaches(
    'every cluster to be probed',
    `SELECT count(*) AS n FROM providers ${and} probed_at > '${since}'`,
    Number(row?.n ?? 0),
    120_000,
  );
  return performance.now() - fromMs;
}
