import { GUARD_TRIGGERS, VIOLATIONS } from '../../chaos/world/guard-triggers.ts';
import type { BuildWorld } from '../queue/build-world.ts';
import { toResult, type MeasuredResult } from '../report.ts';
import { Clusters } from './clusters.ts';
import type { FleetBench } from './fleet.ts';
import { Installation } from './installation.ts';
import type { ProductProcess } from './product-process.ts';

const LEASE_MS = 4_000;
const HEARTBEAT_MS = 1_000;
const REPLICAS = 2;
/** Of the runs, every so many-th ends while the frozen dispatcher still believes that they are its own. */
const END_EVERY = 3;

type Signal = 'SIGKILL' | 'SIGSTOP';

/** Two dispatchers with N live builds that hang, of which the first is to be struck. */
interface Live {
  readonly quick: boolean;
  readonly builds: number;
  readonly clusters: Clusters;
  readonly installation: Installation;
  readonly victim: ProductProcess;
}

/**
 * B10, B11: of two dispatchers with N live builds one dies (or freezes past its lease and wakes). What it held has an
 * owner again within the lease and five seconds. Only then all runs end, so that its builds are completed by whoever
 * follows what it has adopted, and by nobody else; and no run is made twice. While one is frozen a third of all runs end
 * before that, so that it wakes with events of ends in its sockets; triggers in the database count each write of its that
 * is accepted about what is another's by then.
 */
export async function measureCrash(bench: FleetBench, signal: Signal): Promise<MeasuredResult[]> {
  const builds = bench.quick ? 60 : 1_000;
  const clusters = await Clusters.start({ count: 4, hangs: true });
  const installation = await Installation.open(bench.serverUrl, `fleet_${idOf(signal).toLowerCase()}`);
  const { world } = installation;
  try {
    const tenants = await world.tenants(5, { maxRunning: 10_000 });
    await world.fill(tenants, { perTenant: builds / tenants.length, method: 'packer' });
    await world.rows(GUARD_TRIGGERS);
    await installation.addClusters(clusters.configs);
    const [victim] = await installation.startDispatchers(REPLICAS, {
      IF_DISPATCHER_SLOTS: String(builds * 2),
      IF_DISPATCHER_LEASE_MS: String(LEASE_MS),
      IF_DISPATCHER_HEARTBEAT_MS: String(HEARTBEAT_MS),
      IF_HEALTH_INTERVAL_MS: '2000',
    });
    if (victim === undefined) throw new Error('no dispatcher was started');
    await installation.reaches('all runs to run', RUNNING, builds, bench.quick ? 60_000 : 180_000);
    const live: Live = { quick: bench.quick, builds, clusters, installation, victim };
    const heartbeats = signal === 'SIGKILL' ? [await heartbeatWrites(live)] : [];
    return [...heartbeats, ...(await strike(live, signal))];
  } finally {
    await installation.close();
    clusters.stop();
  }
}

const RUNNING = `SELECT count(*) AS n FROM build_executions WHERE state = 'running'`;
const COMPLETED = `SELECT count(*) AS n FROM builds WHERE status = 'completed'`;

function idOf(signal: Signal): 'B10' | 'B11' {
  return signal === 'SIGKILL' ? 'B10' : 'B11';
}

/** What the leases of all dispatchers and shards write while the builds live on. */
async function heartbeatWrites({ quick, builds, installation: { world } }: Live): Promise<MeasuredResult> {
  const before = await leaseUpdates(world);
  const fromMs = performance.now();
  await wait(quick ? 2_000 : 30_000);
  const updates = (await leaseUpdates(world)) - before;
  const perSecond = updates / ((performance.now() - fromMs) / 1_000);
  const most = (2 * REPLICAS * 1_000) / HEARTBEAT_MS;
  return toResult({
    id: 'B10-heartbeats',
    title: `row writes per second for the leases of ${REPLICAS} dispatchers and their shards with ${builds} live builds, a heartbeat each ${HEARTBEAT_MS} ms`,
    samples: [perSecond],
    q: 0.5,
    target: { text: `at most 2 for each heartbeat (${most})`, met: (value) => value <= most },
  });
}

function leaseUpdates(world: BuildWorld): Promise<number> {
  return world.number(
    `SELECT sum(n_tup_upd) AS n FROM pg_stat_user_tables WHERE relname IN ('dispatchers', 'cluster_shards')`,
  );
}

async function strike(live: Live, signal: Signal): Promise<MeasuredResult[]> {
  const { builds, clusters, installation, victim } = live;
  const { world } = installation;
  const id = idOf(signal);
  const [owner] = await world.rows<{ id: string }>(
    `SELECT id FROM dispatchers WHERE state = 'running' ORDER BY started_at LIMIT 1`,
  );
  const orphaned = `SELECT count(*) AS n FROM cluster_shards WHERE owner = '${owner?.id}'`;
  const held = await world.number(orphaned);
  const followed = await world.number(
    `SELECT count(*) AS n FROM build_executions e JOIN cluster_shards s USING (provider_id, host, shard)
      WHERE e.state = 'running' AND s.owner = '${owner?.id}'`,
  );
  if (followed === 0) throw new Error('the dispatcher that is struck follows no build');
  victim.signal(signal);
  const fromMs = performance.now();
  const ended = signal === 'SIGSTOP' ? await clusters.end(END_EVERY) : 0;
  while ((await world.number(orphaned)) > 0 && performance.now() - fromMs < 60_000) await wait(50);
  const adoptedMs = performance.now() - fromMs;
  const stale = signal === 'SIGSTOP' ? [await wakeUp(live, ended)] : [];
  await clusters.end(1);
  const withinMs = live.quick ? 60_000 : 180_000;
  const completed = await installation.countsUpTo(COMPLETED, builds, withinMs);
  const { created } = await clusters.report();
  return [
    toResult({
      id: `${id}-adopted`,
      title: `${signal} of one of ${REPLICAS} dispatchers with ${builds} live builds: all its ${held} shards have another owner after, ms`,
      samples: [adoptedMs],
      q: 1,
      target: { text: `at most the lease + 5 s (${LEASE_MS + 5_000})`, met: (value) => value <= LEASE_MS + 5_000 },
    }),
    toResult({
      id: `${id}-lost`,
      title: `builds of ${builds}, of which it had ${followed}, that are not completed ${withinMs / 1_000} s after their runs have ended under the new owner`,
      samples: [builds - completed],
      q: 1,
      target: { text: '0', met: (value) => value === 0 },
    }),
    toResult({
      id: `${id}-duplicates`,
      title: 'runs beyond one for each build, once all have ended',
      samples: [created - builds],
      q: 1,
      target: { text: '0', met: (value) => value === 0 },
    }),
    ...stale,
  ];
}

/** The frozen dispatcher goes on once all ends are known. */
async function wakeUp({ quick, installation, victim }: Live, ended: number): Promise<MeasuredResult> {
  await installation.reaches('the ends to be known', COMPLETED, ended, 120_000);
  victim.signal('SIGCONT');
  await wait(quick ? 2_000 : 10_000);
  const { world } = installation;
  const known = await world.number(`SELECT count(DISTINCT process) AS n FROM chaos_owners WHERE process <> 'suite'`);
  if (known < REPLICAS) throw new Error('the triggers do not know whose writes they see');
  const violations = await world.number(`SELECT count(*) AS n FROM ${VIOLATIONS}`);
  const endedTwice = await world.number(
    `SELECT count(*) AS n FROM (
       SELECT build_id FROM build_events WHERE subject = 'build' AND to_state = 'completed'
        GROUP BY build_id HAVING count(*) > 1) twice`,
  );
  return toResult({
    id: 'B11-stale',
    title: `writes of the woken dispatcher that were accepted about what was another's by then, of ${ended} runs that ended while it was frozen`,
    samples: [violations + endedTwice],
    q: 1,
    target: { text: '0', met: (value) => value === 0 },
  });
}

async function wait(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
