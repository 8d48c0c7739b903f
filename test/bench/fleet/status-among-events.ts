import { quantile, toResult, type MeasuredResult } from '../report.ts';
import { Clusters, type Stirring } from './clusters.ts';
import type { FleetBench } from './fleet.ts';
import { Installation, SHORT_LEASE } from './installation.ts';
import { statusLags } from './status-lag.ts';

const TENANTS = 20;
/** Half of what one dispatcher ends under full load on the machine of the published figures. */
const ENDS_PER_SECOND = 20;
const EVENTS_PER_SECOND = 500;
const AMONG_EVENTS = { perSecond: EVENTS_PER_SECOND, endEvery: EVENTS_PER_SECOND / ENDS_PER_SECOND };
const ENDS_ALONE = { perSecond: ENDS_PER_SECOND, endEvery: 1 };

/** B14: from a run's end to its outcome in the database, while one dispatcher follows N runs of which E change each second. */
export async function measureStatusAmongEvents(bench: FleetBench): Promise<MeasuredResult[]> {
  const [least, rounds, windowMs] = bench.quick ? [100, 1, 2_000] : [10_000, 5, 15_000];
  const endsOfWindow = (ENDS_PER_SECOND * windowMs) / 1_000;
  // So many are left when the last window is over.
  const runs = least + (1 + 2 * rounds) * endsOfWindow;
  const clusters = await Clusters.start({ hangs: true });
  const installation = await Installation.open(bench.serverUrl, 'fleet_events');
  const { world } = installation;
  let finished = 0;
  const window = async (stirring: Omit<Stirring, 'forMs'>): Promise<number[]> => {
    const before = (await clusters.report()).ended;
    finished += await clusters.stir({ ...stirring, forMs: windowMs });
    const known = 'SELECT count(*) AS n FROM builds WHERE finished_at IS NOT NULL';
    await installation.reaches('the ended runs to be known', known, finished, 60_000);
    const { ended } = await clusters.report();
    const since = Object.fromEntries(Object.entries(ended).filter(([run]) => !(run in before)));
    return statusLags(world, since);
  };
  try {
    const tenants = await world.tenants(TENANTS, { maxRunning: 1_000_000 });
    await world.fill(tenants, { perTenant: runs / TENANTS, method: 'packer' });
    await installation.addClusters(clusters.configs, { maxConcurrentBuilds: runs });
    await installation.startDispatchers(1, {
      IF_DISPATCHER_SLOTS: String(runs),
      IF_HEALTH_INTERVAL_MS: '5000',
      IF_DATABASE_POOL_SIZE: '20',
      ...(bench.quick ? SHORT_LEASE : {}),
    });
    const running = `SELECT count(*) AS n FROM build_executions WHERE state = 'running'`;
    await installation.reaches('all runs to run', running, runs, bench.quick ? 60_000 : 900_000);
    // Code is compiled before the clock runs.
    await window(ENDS_ALONE);
    const among: number[][] = [];
    const alone: number[][] = [];
    for (let round = 0; round < rounds; round += 1) {
      alone.push(await window(ENDS_ALONE));
      among.push(await window(AMONG_EVENTS));
    }
    const compare = (q: number) => ({
      samples: among.map((lags) => quantile(lags, q)),
      q: 0.5,
      control: { name: 'the ends alone, in turns', samples: alone.map((lags) => quantile(lags, q)) },
    });
    return [
      toResult({
        id: 'B14-status',
        title: `a run's end → its outcome committed, ${ENDS_PER_SECOND} ends/s among ${EVENTS_PER_SECOND} events/s of ${least} runs, median of the p95 of ${rounds} windows of ${windowMs / 1_000} s, ms`,
        ...compare(0.95),
        target: { text: 'p95 at most 500', met: (value) => value <= 500 },
      }),
      toResult({ id: 'B14-status-p50', title: 'the same, p50', ...compare(0.5) }),
    ];
  } finally {
    await installation.close();
    clusters.stop();
  }
}
