import { paced } from '../measure/closed-loop.ts';
import type { BuildWorld } from '../queue/build-world.ts';
import { jainIndex } from '../queue/fairness.ts';
import { toResult, type BenchmarkResult } from '../report.ts';
import { Clusters } from './clusters.ts';
import type { FleetBench } from './fleet.ts';
import { idealWaits } from './ideal-waits.ts';
import { Installation } from './installation.ts';
import { Submitter } from './submitter.ts';

const SMALL = 20;
const SLOTS = 40;
/** Each run takes between half of this and half as much again: runs of one length would end, and free slots, in bursts. */
const RUN_MS = 1_000;
/** A quarter of what the slots allow: alone, no small tenant ever has to wait for a slot. */
const SMALL_PER_SECOND = 10;

interface Waits {
  readonly waits: number[];
  /** What each would have waited in an ideal schedule of the very slots of this run. */
  readonly ideal: number[];
  /** Jain index over the small tenants' mean waits, and over the slot time that they were given. */
  readonly jainOfWaits: number;
  readonly jainOfTime: number;
}

/** Twenty tenants submit now and then: how long their builds wait, alone and beside one with 10,000 queued. */
export async function measureSmallTenants(bench: FleetBench): Promise<BenchmarkResult[]> {
  const alone = await waitsOfSmall(bench, 0);
  const beside = await waitsOfSmall(bench, bench.quick ? 2_000 : 10_000);
  const queued = bench.quick ? '2,000' : '10,000';
  const who = `${SMALL} small tenants beside one with ${queued} queued`;
  const fair = {
    text: 'at least 0.95 ×',
    met: (_value: number, ratio: number | null) => ratio !== null && ratio >= 0.95,
  };
  return [
    toResult({
      id: 'small-wait',
      title: `submission → claim of ${who}, ${SLOTS} slots of ${RUN_MS} ms on average, p95 of ${beside.waits.length}, ms`,
      samples: beside.waits,
      q: 0.95,
      control: { name: 'alone', samples: alone.waits },
      target: { text: 'p95 at most 2 ×', met: (_value, ratio) => ratio !== null && ratio <= 2 },
    }),
    toResult({
      id: 'small-wait-ideal',
      title: 'the same beside an ideal schedule: the first slot that any build leaves is theirs, at once, p95, ms',
      samples: beside.waits,
      q: 0.95,
      control: { name: 'ideal', samples: beside.ideal },
    }),
    toResult({
      id: 'small-jain',
      title: `Jain index of the slot time given to ${who}, all asking for the same, × 1,000`,
      samples: [beside.jainOfTime * 1_000],
      q: 0.5,
      control: { name: 'equal', samples: [1_000] },
      target: fair,
    }),
    toResult({
      id: 'small-jain-waits',
      title: `Jain index of their mean waits (of ${Math.round(beside.waits.length / SMALL)} builds each) × 1,000`,
      samples: [beside.jainOfWaits * 1_000],
      q: 0.5,
      control: { name: 'alone', samples: [alone.jainOfWaits * 1_000] },
    }),
  ];
}

async function waitsOfSmall(bench: FleetBench, backlogOfBig: number): Promise<Waits> {
  const clusters = await Clusters.start({ count: 2, runMs: RUN_MS });
  const installation = await Installation.open(bench.serverUrl, `fleet_small_${backlogOfBig}`);
  const { world } = installation;
  const [big = ''] = await world.tenants(1, { maxRunning: 1_000 });
  if (backlogOfBig > 0) await world.fill([big], { perTenant: backlogOfBig, method: 'packer' });
  const small = await world.tenants(SMALL, { maxRunning: 1_000 });
  const submitter = await Submitter.open(world, small);
  try {
    await world.rows('VACUUM ANALYZE');
    await installation.addClusters(clusters.configs);
    await installation.startDispatchers(1, { IF_DISPATCHER_SLOTS: String(SLOTS), IF_HEALTH_INTERVAL_MS: '2000' });
    // Namespaces and shards are there before the clock runs.
    for (let index = 0; index < SMALL; index += 1) await submitter.submit(index);
    const completed = `SELECT count(*) AS n FROM builds WHERE finished_at IS NOT NULL AND tenant_id <> '${big}'`;
    await installation.reaches('the warm-up builds to end', completed, SMALL, 120_000);
    const since = new Date();
    const sent = await paced(SMALL_PER_SECOND, bench.quick ? 10_000 : 60_000, (index) => submitter.submit(index));
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
  readonly slot_ms: number;
}

async function waitsSince(world: BuildWorld, small: readonly string[], since: Date): Promise<Waits> {
  const rows = await world.rows<SmallBuild>(
    `SELECT b.tenant_id, extract(epoch FROM b.created_at)::float8 * 1000 AS at_ms,
            greatest(0, extract(epoch FROM e.claimed_at - b.created_at)::float8) * 1000 AS wait_ms,
            extract(epoch FROM e.pods_over_at - e.claimed_at)::float8 * 1000 AS slot_ms
       FROM builds b JOIN build_executions e ON e.build_id = b.id AND e.attempt = 1
      WHERE b.tenant_id = ANY ($1::uuid[]) AND b.created_at >= $2 AND e.pods_over_at IS NOT NULL`,
    [small, since],
  );
  const left = await world.rows<{ at_ms: number }>(
    `SELECT extract(epoch FROM pods_over_at)::float8 * 1000 AS at_ms FROM build_executions WHERE pods_over_at >= $1`,
    [since],
  );
  const of = (id: string): SmallBuild[] => rows.filter((row) => row.tenant_id === id);
  const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
  return {
    waits: rows.map((row) => row.wait_ms),
    ideal: idealWaits(
      rows.map((row) => row.at_ms),
      left.map((row) => row.at_ms),
    ),
    jainOfWaits: jainIndex(small.map((id) => sum(of(id).map((row) => row.wait_ms)) / of(id).length)),
    jainOfTime: jainIndex(small.map((id) => sum(of(id).map((row) => row.slot_ms)))),
  };
}
