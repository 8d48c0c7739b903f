import { toResult, type MeasuredResult } from '../report.ts';
import { Clusters } from './clusters.ts';
import type { FleetBench } from './fleet.ts';
import { Installation, SHORT_LEASE } from './installation.ts';

const INJECT_EVERY = 4;
const EVICT_EVERY = 15;
const USER_ERROR_EVERY = 20;

/**
 * Every fourth create fails by its cluster's fault in one of five ways, every 15th build is evicted in its first attempt,
 * every 20th fails by its user's fault. What became of a build is compared with what was injected into it.
 */
export async function measureRecovery(bench: FleetBench): Promise<MeasuredResult[]> {
  const builds = bench.quick ? 40 : 600;
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
    await installation.startDispatchers(1, {
      IF_DISPATCHER_SLOTS: '50',
      IF_HEALTH_INTERVAL_MS: '2000',
      ...(bench.quick ? SHORT_LEASE : {}),
    });
    const ended = 'SELECT count(*) AS n FROM builds WHERE finished_at IS NOT NULL';
    await installation.reaches('all builds to end', ended, builds, bench.quick ? 60_000 : 240_000);
    const { injected, struck, broken, duplicates } = await clusters.report();
    if (struck.length === 0 || broken.length === 0) throw new Error('no failure was injected, or no user error');
    // Whatever its reason says: a build that its user did not break has to be completed.
    const lost = await world.number(
      `SELECT count(*) AS n FROM builds WHERE status <> 'completed' AND id <> ALL ($1::uuid[])`,
      [broken],
    );
    const failedOnce = await world.number(
      `SELECT count(*) AS n FROM builds b WHERE b.id = ANY ($1::uuid[]) AND b.status = 'failed' AND (
         SELECT count(*) = 1 AND bool_and(e.fault = 'user') FROM build_executions e
          WHERE e.build_id = b.id AND e.state <> 'released')`,
      [broken],
    );
    return [
      toResult({
        id: 'recovery',
        title: `percent of ${struck.length} builds with ${injected} injected failures (creates: 500, 503, 429, a connection cut before and after the commit; evictions) that were completed`,
        samples: [(100 * (struck.length - lost)) / struck.length],
        q: 0.5,
        target: { text: 'at least 97', met: (value) => value >= 97 },
      }),
      toResult({
        id: 'recovery-user',
        title: `user errors of ${broken.length} that did not end as the user's fault after one attempt`,
        samples: [broken.length - failedOnce],
        q: 1,
        target: { text: '0', met: (value) => value === 0 },
      }),
      toResult({
        id: 'recovery-duplicates',
        title: 'runs that were made twice',
        samples: [duplicates],
        q: 1,
        target: { text: '0', met: (value) => value === 0 },
      }),
    ];
  } finally {
    await installation.close();
    clusters.stop();
  }
}
