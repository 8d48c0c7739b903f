import { toResult, type MeasuredResult } from '../report.ts';
import { Clusters } from './clusters.ts';
import type { FleetBench } from './fleet.ts';
import { Installation } from './installation.ts';

const LEASE_MS = 4_000;

/**
 * B10, B11: of two dispatchers with N live builds one dies (or freezes past its lease and wakes). What it held has an
 * owner again within the lease and five seconds, and no run is made twice.
 */
export async function measureCrash(bench: FleetBench, signal: 'SIGKILL' | 'SIGSTOP'): Promise<MeasuredResult[]> {
  const builds = bench.quick ? 60 : 1_000;
  const id = signal === 'SIGKILL' ? 'B10' : 'B11';
  const clusters = await Clusters.start({ count: 4, hangs: true });
  const installation = await Installation.open(bench.serverUrl, `fleet_${id.toLowerCase()}`);
  const { world } = installation;
  try {
    const tenants = await world.tenants(5, { maxRunning: 10_000 });
    await world.fill(tenants, { perTenant: builds / tenants.length, method: 'packer' });
    await installation.addClusters(clusters.configs);
    const environment = {
      IF_DISPATCHER_SLOTS: String(builds * 2),
      IF_DISPATCHER_LEASE_MS: String(LEASE_MS),
      IF_DISPATCHER_HEARTBEAT_MS: '1000',
      IF_HEALTH_INTERVAL_MS: '2000',
    };
    const [victim] = await installation.startDispatchers(2, environment);
    if (victim === undefined) throw new Error('no dispatcher was started');
    const running = `SELECT count(*) AS n FROM build_executions WHERE state = 'running'`;
    await installation.reaches('all runs to run', running, builds, bench.quick ? 60_000 : 180_000);
    const [owner] = await world.rows<{ id: string; heartbeats: string }>(
      `SELECT d.id FROM dispatchers d WHERE d.state = 'running' ORDER BY d.started_at LIMIT 1`,
    );
    const orphaned = `SELECT count(*) AS n FROM cluster_shards WHERE owner = '${owner?.id}'`;
    const held = await world.number(orphaned);
    victim.signal(signal);
    const fromMs = performance.now();
    while ((await world.number(orphaned)) > 0 && performance.now() - fromMs < 60_000) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const adoptedMs = performance.now() - fromMs;
    if (signal === 'SIGSTOP') {
      victim.signal('SIGCONT');
      await new Promise((resolve) => setTimeout(resolve, bench.quick ? 2_000 : 10_000));
    }
    const live = await world.number(running);
    const { created, duplicates } = await clusters.report();
    return [
      toResult({
        id: `${id}-adopted`,
        title: `${signal} of one of 2 dispatchers with ${builds} live builds: all its ${held} shards have another owner after, ms`,
        samples: [adoptedMs],
        q: 1,
        target: { text: `at most the lease + 5 s (${LEASE_MS + 5_000})`, met: (value) => value <= LEASE_MS + 5_000 },
      }),
      toResult({
        id: `${id}-lost`,
        title: `builds of ${builds} that are not running any more`,
        samples: [builds - live],
        q: 1,
        target: { text: '0', met: (value) => value === 0 },
      }),
      toResult({
        id: `${id}-duplicates`,
        title: 'runs beyond one for each build',
        samples: [created - builds + duplicates],
        q: 1,
        target: { text: '0', met: (value) => value === 0 },
      }),
    ];
  } finally {
    await installation.close();
    clusters.stop();
  }
}
