import { toResult, type MeasuredResult } from '../report.ts';
import { Clusters } from './clusters.ts';
import type { FleetBench } from './fleet.ts';
import { Installation } from './installation.ts';

const INJECT_EVERY = 4;
const EVICT_EVERY = 15;
const USER_ERROR_EVERY = 20;

/** Every fourth create fails by its cluster's fault in one of five ways, every 15th run is evicted, every 20th is wrong. */
export async function measureRecovery(bench: FleetBench): Promise<MeasuredResult[]> {
  const builds = bench.quick ? 100 : 600;
  const clusters = await Clusters.start({
    count: 3,
    injectEvery: INJECT_EVERY,
    evictEvery: EVICT_EVERY,
    userErrorEvery: USER_ERROR_EVERY,
  });
  const installation = await Installation.open(bench.serverUrl, 'fleet_recovery');
  const { world } = installation;
  try {
    const tenants = await world.tenants(5, { maxRunning: 100 });
    await world.fill(tenants, { perTenant: builds / tenants.length, method: 'packer' });
    await installation.addClusters(clusters.configs);
    await installation.startDispatchers(1, { IF_DISPATCHER_SLOTS: '50', IF_HEALTH_INTERVAL_MS: '2000' });
    const ended = 'SELECT count(*) AS n FROM builds WHERE finished_at IS NOT NULL';
    await installation.reaches('all builds to end', ended, builds, bench.quick ? 60_000 : 240_000);
    const report = await clusters.report();
    const failed = await world.number(
      `SELECT count(*) AS n FROM builds b WHERE b.status <> 'completed' AND NOT EXISTS (
         SELECT 1 FROM build_executions e WHERE e.build_id = b.id AND e.fault = 'user')`,
    );
    const retriedUserErrors = await world.number(
      `SELECT count(*) AS n FROM build_executions e WHERE e.fault = 'user' AND e.outcome = 'failed' AND EXISTS (
         SELECT 1 FROM build_executions later WHERE later.build_id = e.build_id AND later.attempt > e.attempt)`,
    );
    return [
      toResult({
        id: 'recovery',
        title: `percent of ${report.injected} injected failures (creates: 500, 503, 429, a connection cut before and after the commit; evictions) that no build was lost to`,
        samples: [(100 * (report.injected - failed)) / Math.max(1, report.injected)],
        q: 0.5,
        target: { text: 'at least 97', met: (value) => value >= 97 },
      }),
      toResult({
        id: 'recovery-user',
        title: 'user errors that were tried again',
        samples: [retriedUserErrors],
        q: 1,
        target: { text: '0', met: (value) => value === 0 },
      }),
      toResult({
        id: 'recovery-duplicates',
        title: 'runs that were made twice',
        samples: [report.duplicates],
        q: 1,
        target: { text: '0', met: (value) => value === 0 },
      }),
    ];
  } finally {
    await installation.close();
    clusters.stop();
  }
}
