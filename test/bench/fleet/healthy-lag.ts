import { paced } from '../measure/closed-loop.ts';
import { quantile, toResult, type MeasuredResult } from '../report.ts';
import { Clusters } from './clusters.ts';
import type { FleetBench } from './fleet.ts';
import { Installation, SHORT_LEASE } from './installation.ts';
import { statusLags } from './status-lag.ts';
import { Submitter } from './submitter.ts';

const TENANTS = 50;
/** About half of what two dispatchers finish under full load on the machine of the published figures. */
const PER_SECOND = 42;

/** The lag of an end while about half as many builds come as two dispatchers can carry: the p99 of each of some windows. */
export async function measureHealthyLag(bench: FleetBench): Promise<MeasuredResult[]> {
  const [windows, windowMs] = bench.quick ? [1, 4_000] : [5, 30_000];
  const clusters = await Clusters.start({ count: 10, latencyMs: [5, 20] });
  const installation = await Installation.open(bench.serverUrl, 'fleet_lag');
  const { world } = installation;
  const tenants = await world.tenants(TENANTS, { maxRunning: 10 });
  const submitter = await Submitter.open(world, tenants);
  try {
    await installation.addClusters(clusters.configs);
    await installation.startDispatchers(2, {
      IF_DISPATCHER_SLOTS: '100',
      IF_HEALTH_INTERVAL_MS: '5000',
      ...(bench.quick ? SHORT_LEASE : {}),
    });
    const finished = 'SELECT count(*) AS n FROM builds WHERE finished_at IS NOT NULL';
    let submitted = 0;
    const load = async (forMs: number): Promise<void> => {
      const sent = await paced(PER_SECOND, forMs, (index) => submitter.submit(submitted + index));
      submitted += sent;
      await installation.reaches('the builds to end', finished, submitted, 120_000);
    };
    // Namespaces, connections and compiled code are there before the clock runs.
    await load(bench.quick ? 2_000 : 15_000);
    const ofWindows: number[][] = [];
    for (let window = 0; window < windows; window += 1) {
      const since = new Date();
      await load(windowMs);
      ofWindows.push(await statusLags(world, (await clusters.report()).ended, since));
    }
    const title = `a run's end → its outcome committed, at ${PER_SECOND} builds/s, ${windows} windows of ${windowMs / 1_000} s, ms:`;
    const median = (q: number): number[] => ofWindows.map((lags) => quantile(lags, q));
    return [
      toResult({
        id: 'status-lag',
        title: `${title} p99 of each window`,
        samples: median(0.99),
        q: 0.5,
        target: { text: 'p99 under 2,000', met: (value) => value < 2_000 },
      }),
      toResult({ id: 'status-lag-p50', title: `${title} p50 of each window`, samples: median(0.5), q: 0.5 }),
    ];
  } finally {
    await submitter.close();
    await installation.close();
    clusters.stop();
  }
}
