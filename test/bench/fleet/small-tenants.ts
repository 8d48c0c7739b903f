import { alternate, samplesOf } from '../measure/alternate.ts';
import { paced } from '../measure/closed-loop.ts';
import type { BuildWorld } from '../queue/build-world.ts';
import { jainIndex } from '../queue/fairness.ts';
import { quantile, toResult, type MeasuredResult } from '../report.ts';
import { Clusters } from './clusters.ts';
import type { FleetBench } from './fleet.ts';
import { idealWaits } from './ideal-waits.ts';
import { Installation, SHORT_LEASE } from './installation.ts';
import { Submitter } from './submitter.ts';

const SMALL = 20;
const SLOTS = 40;
/** Each run takes between half of this and half as much again: runs of one length would end, and free slots, in bursts. */
const RUN_MS = 1_000;
/** A quarter of what the slots allow: alone, no small tenant ever has to wait for a slot. */
const SMALL_PER_SECOND = 10;
/** A limit of a tenant that binds nowhere here. */
const UNLIMITED = 1_000;
/** What the big tenant may run where it is limited: the other half of the slots is free when it is needed. */
const HALF = SLOTS / 2;

interface Waits {
  readonly p95Ms: number;
  /** What they would have waited in an ideal schedule of the very slots of this round. */
  readonly idealP95Ms: number;
  /** Jain index over the small tenants' mean waits, × 1,000. */
  readonly jain: number;
}

/**
 * Twenty tenants submit now and then: how long their builds wait, alone, beside one with 10,000 queued, and beside the same
 * under a limit of its own, in turns.
 */
export async function measureSmallTenants(bench: FleetBench): Promise<MeasuredResult[]> {
  const [rounds, roundMs, backlog] = bench.quick ? [1, 3_000, 400] : [5, 40_000, 10_000];
  let databases = 0;
  const contender = (name: string, backlogOfBig: number, limitOfBig: number) => ({
    name,
    round: () =>
      waitsOfSmall(bench, { database: `fleet_small_${(databases += 1)}`, backlogOfBig, limitOfBig, roundMs }),
  });
  const samples = await alternate(rounds, [
    contender('alone', 0, UNLIMITED),
    contender('beside', backlog, UNLIMITED),
    contender('limited', backlog, HALF),
  ]);
  const of = (name: string, field: keyof Waits): number[] => samplesOf(samples, name).map((waits) => waits[field]);
  const who = `${SMALL} small tenants beside one with ${backlog} queued`;
  const builds = (SMALL_PER_SECOND * roundMs) / 1000;
  return [
    toResult({
      id: 'small-wait',
      title: `submission → claim of ${who}, ${SLOTS} slots of ${RUN_MS} ms on average, p95 of the ${builds} builds of each round, ms`,
      samples: of('beside', 'p95Ms'),
      q: 0.5,
      control: { name: 'alone, in turns', samples: of('alone', 'p95Ms') },
      target: { text: 'p95 at most 2 ×', met: (_value, ratio) => ratio !== null && ratio <= 2 },
    }),
    toResult({
      id: 'small-wait-limited',
      title: `the same while the big tenant may run ${HALF} at once, p95, ms`,
      samples: of('limited', 'p95Ms'),
      q: 0.5,
      control: { name: 'alone, in turns', samples: of('alone', 'p95Ms') },
      target: { text: 'p95 at most 2 ×', met: (_value, ratio) => ratio !== null && ratio <= 2 },
    }),
    toResult({
      id: 'small-wait-ideal',
      title: 'the same beside an ideal schedule: the first slot that any build leaves is theirs, at once, p95, ms',
      samples: of('beside', 'p95Ms'),
      q: 0.5,
      control: { name: 'ideal', samples: of('beside', 'idealP95Ms') },
    }),
    toResult({
      id: 'small-jain-waits',
      title: `Jain index of the mean waits (of ${builds / SMALL} builds each) of ${who}, × 1,000`,
      samples: of('beside', 'jain'),
      q: 0.5,
      control: { name: 'alone, in turns', samples: of('alone', 'jain') },
      target: { text: 'at least 950', met: (value) => value >= 950 },
    }),
  ];
}

interface SmallRound {
  readonly database: string;
  readonly backlogOfBig: number;
  readonly limitOfBig: number;
  readonly roundMs: number;
}

async function waitsOfSmall(bench: FleetBench, round: SmallRound): Promise<Waits> {
  const { database, backlogOfBig, limitOfBig, roundMs } = round;
  const clusters = await Clusters.start({ count: 2, runMs: RUN_MS });
  const installation = await Installation.open(bench.serverUrl, database);
  const { world } = installation;
  const [big = ''] = await world.tenants(1, { maxRunning: limitOfBig });
  if (backlogOfBig > 0) await world.fill([big], { perTenant: backlogOfBig, method: 'packer' });
  const small = await world.tenants(SMALL, { maxRunning: UNLIMITED });
  const submitter = await Submitter.open(world, small);
  try {
    await world.rows('VACUUM ANALYZE');
    await installation.addClusters(clusters.configs);
    await installation.startDispatchers(1, {
      IF_DISPATCHER_SLOTS: String(SLOTS),
      IF_HEALTH_INTERVAL_MS: '2000',
      ...(bench.quick ? SHORT_LEASE : {}),
    });
    // Namespaces and shards are there before the clock runs.
    for (let index = 0; index < SMALL; index += 1) await submitter.submit(index);
    const completed = `SELECT count(*) AS n FROM builds WHERE finished_at IS NOT NULL AND tenant_id <> '${big}'`;
    await installation.reaches('the warm-up builds to end', completed, SMALL, 120_000);
    const since = new Date();
    const sent = await paced(SMALL_PER_SECOND, roundMs, (index) => submitter.submit(index));
    await installation.reaches('the small builds to end', completed, SMALL + sent, 120_000);
    return await waitsSince(world, small, since);
  } finally {
    await submitter.close();
    await installation.close();
    clusters.stop();
  }
}

interface SmallBuild {
  readonly tenant_id: string;
  readonly at_ms: number;
  readonly wait_ms: number;
}

async function waitsSince(world: BuildWorld, small: readonly string[], since: Date): Promise<Waits> {
  const rows = await world.rows<SmallBuild>(
    `SELECT b.tenant_id, extract(epoch FROM b.created_at)::float8 * 1000 AS at_ms,
            greatest(0, extract(epoch FROM e.claimed_at - b.created_at)::float8) * 1000 AS wait_ms
       FROM builds b JOIN build_executions e ON e.build_id = b.id AND e.attempt = 1
      WHERE b.tenant_id = ANY ($1::uuid[]) AND b.created_at >= $2 AND e.pods_over_at IS NOT NULL`,
    [small, since],
  );
  const left = await world.rows<{ at_ms: number }>(
    `SELECT extract(epoch FROM pods_over_at)::float8 * 1000 AS at_ms FROM build_executions WHERE pods_over_at >= $1`,
    [since],
  );
  const ideal = idealWaits(
    rows.map((row) => row.at_ms),
    left.map((row) => row.at_ms),
  );
  const meanOf = (id: string): number => {
    const waits = rows.filter((row) => row.tenant_id === id).map((row) => row.wait_ms);
    return waits.reduce((all, wait) => all + wait, 0) / waits.length;
  };
  return {
    p95Ms: quantile(
      rows.map((row) => row.wait_ms),
      0.95,
    ),
    idealP95Ms: quantile(ideal, 0.95),
    jain: 1_000 * jainIndex(small.map(meanOf)),
  };
}
