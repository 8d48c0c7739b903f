import { residentMib } from '../main/memory.ts';
import { paced } from '../measure/closed-loop.ts';
import { quantile, toResult, type MeasuredResult } from '../report.ts';
import { Clusters } from './clusters.ts';
import type { FleetBench } from './fleet.ts';
import { Installation } from './installation.ts';
import { Submitter } from './submitter.ts';

const RUNS = 20;
/** A project's builds go to the clusters that are warm for it, one after the other; those of many fill many at once. */
const TENANTS = 20;
/** Room on each cluster for the builds that are timed beside those runs. */
const SPARE = 20;
const TIMED = 100;
const TIMED_PER_SECOND = 10;
const HEALTH_MS = 10_000;
/** As deploy/kubernetes/dispatcher.yaml has it: what is garbage stays no longer than there. */
const HEAP_MIB = 1_280;
/** How often the clusters stop to answer. */
const HOLE_ROUNDS = 5;

/** One dispatcher follows runs on very many clusters; then a tenth of them stops to answer. */
export async function measureManyClusters(bench: FleetBench): Promise<MeasuredResult[]> {
  const count = bench.quick ? 20 : 500;
  const clusters = await Clusters.start({ count, hangs: true });
  const installation = await Installation.open(bench.serverUrl, 'fleet_clusters');
  const { world } = installation;
  try {
    const tenants = await world.tenants(TENANTS, { maxRunning: 1_000_000 });
    await world.fill(tenants, { perTenant: (count * RUNS) / TENANTS, method: 'packer' });
    await installation.addClusters(clusters.configs, { maxConcurrentBuilds: RUNS + SPARE });
    const [dispatcher] = await installation.startDispatchers(1, {
      IF_DISPATCHER_SLOTS: String(count * (RUNS + SPARE)),
      IF_HEALTH_INTERVAL_MS: String(HEALTH_MS),
      IF_DATABASE_POOL_SIZE: '20',
      NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}`,
    });
    if (dispatcher === undefined) throw new Error('no dispatcher was started');
    const running = `SELECT count(*) AS n FROM build_executions WHERE state = 'running'`;
    await installation.reaches('all runs to run', running, count * RUNS, bench.quick ? 60_000 : 600_000);
    const resident = await residentMib(dispatcher.pid);
    const peak = await residentMib(dispatcher.pid, 'VmHWM');
    const sweepMs = await sweep(installation);
    const besideHoles = await measureBlackHoles(bench, installation, clusters, tenants);
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
      besideHoles,
    ];
  } finally {
    await installation.close();
    clusters.stop();
  }
}

/** A tenth of the clusters stops to answer and answers again, in turns. */
async function measureBlackHoles(
  bench: FleetBench,
  installation: Installation,
  clusters: Clusters,
  tenants: readonly string[],
): Promise<MeasuredResult> {
  const count = clusters.configs.length;
  const holes = count / 10;
  const healthy = (is: '=' | '<>'): string => `SELECT count(*) AS n FROM providers WHERE health ${is} 'healthy'`;
  const submitter = await Submitter.open(installation.world, tenants);
  const before: number[] = [];
  const beside: number[] = [];
  await timedStarts(installation, submitter);
  for (let round = 0; round < (bench.quick ? 1 : HOLE_ROUNDS); round += 1) {
    if (round > 0) {
      clusters.blackHole(0);
      await installation.reaches('all clusters to be healthy again', healthy('='), count, 300_000);
    }
    before.push(median(await timedStarts(installation, submitter)));
    clusters.blackHole(holes);
    await installation.reaches('the black holes to be noticed', healthy('<>'), holes, 120_000);
    beside.push(median(await timedStarts(installation, submitter)));
  }
  await submitter.close();
  return toResult({
    id: 'clusters-black-hole',
    title: `claim → run created on the other clusters while ${holes} of ${count} do not answer, p50 of ${TIMED} in each round, ms`,
    samples: beside,
    q: 0.5,
    control: { name: 'while all answer, in turns', samples: before },
    target: { text: 'at most 1.05 ×', met: (_value, ratio) => ratio !== null && ratio <= 1.05 },
  });
}

function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

/** How long builds take from their claim to their run, one after the other at a steady rate. */
async function timedStarts(installation: Installation, submitter: Submitter): Promise<number[]> {
  const since = new Date();
  await paced(TIMED_PER_SECOND, (1_000 * TIMED) / TIMED_PER_SECOND, (index) => submitter.submit(index));
  const created = `FROM build_executions e JOIN builds b ON b.id = e.build_id
                   WHERE e.created_at IS NOT NULL AND b.created_at >= '${since.toISOString()}'`;
  await installation.reaches('the timed builds to be created', `SELECT count(*) AS n ${created}`, TIMED, 120_000);
  const rows = await installation.world.rows<{ ms: number }>(
    `SELECT extract(epoch FROM e.created_at - e.claimed_at)::float8 * 1000 AS ms ${created}`,
  );
  return rows.map(({ ms }) => ms);
}

/** From now until every cluster was probed again. */
async function sweep(installation: Installation): Promise<number> {
  const [row] = await installation.world.rows<{ now: Date; n: string }>(
    'SELECT clock_timestamp() AS now, (SELECT count(*) FROM providers) AS n',
  );
  const since = row?.now.toISOString() ?? '';
  const fromMs = performance.now();
  await installation.reaches(
    'every cluster to be probed',
    `SELECT count(*) AS n FROM providers WHERE probed_at > '${since}'`,
    Number(row?.n ?? 0),
    120_000,
  );
  return performance.now() - fromMs;
}
