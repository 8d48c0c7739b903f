import { startPostgres } from '../database/start-postgres.ts';
import { runSteps } from '../measure/step.ts';
import { SERVER_SETTINGS, versions } from '../queue/queue.ts';
import type { BenchmarkOptions, BenchmarkRun } from '../report.ts';
import { measureCrash } from './crash.ts';
import { measureFleetDrain } from './drain.ts';
import { measureHealthyLag } from './healthy-lag.ts';
import { measureManyClusters } from './many-clusters.ts';
import { measureRecovery } from './recovery.ts';
import { measureSmallTenants } from './small-tenants.ts';
import { measureStatusAmongEvents } from './status-among-events.ts';

export interface FleetBench {
  readonly quick: boolean;
  /** Builds of the drain. */
  readonly builds: number;
  readonly serverUrl: string;
}

/** Dispatcher processes on fake clusters: what the whole way of a build does under load and under faults. */
export async function fleetBenchmark(options: BenchmarkOptions): Promise<BenchmarkRun> {
  const server = await startPostgres(SERVER_SETTINGS);
  const bench: FleetBench = { quick: options.quick, builds: options.builds, serverUrl: server.url };
  try {
    const measured = await runSteps(options, [
      { id: 'drain', title: 'drain of a large backlog', run: () => measureFleetDrain(bench) },
      { id: 'lag', title: 'how soon an end is known', rows: ['status-lag'], run: () => measureHealthyLag(bench) },
      { id: 'small', title: 'small tenants beside a big one', run: () => measureSmallTenants(bench) },
      { id: 'recovery', title: 'recovery of injected failures', counts: true, run: () => measureRecovery(bench) },
      { id: 'B10', title: 'a dispatcher is killed', counts: true, run: () => measureCrash(bench, 'SIGKILL') },
      { id: 'B11', title: 'a dispatcher is frozen and wakes', counts: true, run: () => measureCrash(bench, 'SIGSTOP') },
      { id: 'B14', title: 'how soon an end is known among many events', run: () => measureStatusAmongEvents(bench) },
      { id: 'clusters', title: 'many clusters', run: () => measureManyClusters(bench) },
    ]);
    return { versions: await versions(server.url), ...measured };
  } finally {
    await server.stop();
  }
}
