import { paced } from '../measure/closed-loop.ts';
import type { BenchmarkResult } from '../report.ts';
import { Clusters } from './clusters.ts';
import type { FleetBench } from './fleet.ts';
import { Installation } from './installation.ts';
import { statusLag } from './status-lag.ts';
import { Submitter } from './submitter.ts';

const TENANTS = 50;

/** The lag of an end while half as many builds come as two dispatchers finish under full load on the same machine. */
export async function measureHealthyLag(bench: FleetBench, fullPerSecond: number): Promise<BenchmarkResult> {
  const perSecond = Math.max(1, Math.round(fullPerSecond / 2));
  const forMs = bench.quick ? 10_000 : 30_000;
  const clusters = await Clusters.start({ count: 10, latencyMs: [5, 20] });
  const installation = await Installation.open(bench.serverUrl, 'fleet_lag');
  const { world } = installation;
  const tenants = await world.tenants(TENANTS, { maxRunning: 10 });
  const submitter = await Submitter.open(world, tenants);
  try {
    await installation.addClusters(clusters.configs);
    await installation.startDispatchers(2, { IF_DISPATCHER_SLOTS: '100', IF_HEALTH_INTERVAL_MS: '5000' });
    const finished = 'SELECT count(*) AS n FROM builds WHERE finished_at IS NOT NULL';
    // Namespaces, connections and compiled code are there before the clock runs.
    await paced(perSecond, bench.quick ? 5_000 : 15_000, (index) => submitter.submit(index));
    const warmUp = await world.number('SELECT count(*) AS n FROM builds');
    await installation.reaches('the warm-up builds to end', finished, warmUp, 60_000);
    const since = new Date();
    const sent = await paced(perSecond, forMs, (index) => submitter.submit(index));
    await installation.reaches('the builds to end', finished, warmUp + sent, 120_000);
    const title = `at half of the full load (${perSecond} builds/s)`;
    return await statusLag(world, await clusters.report(), { id: 'status-lag', title, since, target: true });
  } finally {
    await submitter.close();
    await installation.close();
    clusters.stop();
  }
}
