import pg from 'pg';
import { atMost, loopRate, paced } from '../measure/closed-loop.ts';
import { toResult, type BenchmarkResult } from '../report.ts';
import type { BuildWorld } from './build-world.ts';
import { submitter } from './build-life.ts';
import { ourQueue } from './peer/our-queue.ts';
import type { QueueBench } from './queue.ts';

const DEMAND_PER_SECOND = 200;

/** Rates of consecutive windows: before, at the end of, and after a snapshot that is held open. */
interface Horizon {
  readonly before: number;
  readonly held: number;
  readonly after: number;
}

/** B6: what a snapshot that somebody holds open costs, at full speed and at a real demand. */
export async function measurePinnedHorizon(bench: QueueBench): Promise<BenchmarkResult[]> {
  const ours = await atFullSpeed(bench, 'pinned_ours', async (name) => {
    const world = await bench.world(name);
    const tenants = await world.tenants(200, { maxRunning: 1_000_000 });
    await world.topUp(tenants, bench.quick ? 10_000 : 150_000);
    const queue = await ourQueue(world, { name, tenants, batch: 25, loops: 4, ends: 'at-once' });
    return { url: world.url, run: (limitMs) => queue.drain({ jobs: 10_000_000, limitMs }), close: () => world.close() };
  });
  const graphile = await atFullSpeed(bench, 'pinned_peer', async (name) => {
    const peer = await bench.graphile(name);
    await peer.topUp(bench.quick ? 20_000 : 200_000);
    return { url: peer.url, run: (limitMs) => peer.drain(0, { jobs: 10_000_000, limitMs }), close: () => peer.close() };
  });
  const kept = (horizon: Horizon): number => (100 * horizon.held) / horizon.before;
  return [
    toResult({
      id: 'B6-kept',
      title: `claim 25 and end at full speed: percent of the speed that is left under a snapshot held for ${heldMs(bench) / 1000} s`,
      samples: [kept(ours)],
      q: 0.5,
      control: { name: 'graphile-worker, defaults', samples: [kept(graphile)] },
      target: { text: 'at least what graphile-worker keeps', met: (_value, ratio) => ratio !== null && ratio >= 1 },
    }),
    toResult({
      id: 'B6-demand',
      title: 'builds/s at the end of the held snapshot beside a demand of 33/s',
      samples: [ours.held],
      q: 0.5,
      control: { name: 'demand', samples: [33] },
      target: { text: 'at least 10 ×', met: (_value, ratio) => ratio !== null && ratio >= 10 },
    }),
    toResult({
      id: 'B6-recovered',
      title: 'percent of the first speed within 30 s of the release',
      samples: [(100 * ours.after) / ours.before],
      q: 0.5,
      target: { text: 'at least 90', met: (value) => value >= 90 },
    }),
    ...(await atDemand(bench)),
  ];
}

function heldMs(bench: QueueBench): number {
  return bench.quick ? 2_000 : 20_000;
}

interface Subject {
  readonly url: string;
  run(limitMs: number): Promise<number>;
  close(): Promise<void>;
}

async function atFullSpeed(
  bench: QueueBench,
  name: string,
  open: (name: string) => Promise<Subject>,
): Promise<Horizon> {
  const subject = await open(name);
  const windowMs = bench.quick ? 700 : 4_000;
  try {
    // Cold caches and first connections are no part of "before".
    await subject.run(windowMs);
    const before = await subject.run(windowMs);
    const release = await holdSnapshot(subject.url);
    await subject.run(heldMs(bench) - windowMs);
    const held = await subject.run(windowMs);
    await release();
    let after = 0;
    const until = performance.now() + (bench.quick ? 2_000 : 30_000);
    while (performance.now() < until && after < 0.95 * before) after = Math.max(after, await subject.run(windowMs));
    return { before, held, after };
  } finally {
    await subject.close();
  }
}

/** Enqueue, claim and end 200 builds a second for a minute under a held snapshot: how late claims get. */
async function atDemand(bench: QueueBench): Promise<BenchmarkResult[]> {
  const world = await bench.world('pinned_demand', 16);
  try {
    const submit = await submitter(world, 50);
    const dispatcherId = await world.dispatcher();
    const forMs = bench.quick ? 2_000 : 60_000;
    await world.rows('ANALYZE');
    const free = await claimTimes(world, { dispatcherId, submit, forMs: forMs / 4 });
    const release = await holdSnapshot(world.url);
    const held = await claimTimes(world, { dispatcherId, submit, forMs });
    await release();
    return [
      toResult({
        id: 'B6-claim-p95',
        title: `claim p95 in ms at ${DEMAND_PER_SECOND} builds/s in the last quarter of ${forMs / 1000} s under a held snapshot`,
        samples: held.slice(Math.floor(held.length * 0.75)),
        q: 0.95,
        control: { name: 'before it', samples: free },
      }),
    ];
  } finally {
    await world.close();
  }
}

interface DemandOptions {
  readonly dispatcherId: string;
  readonly submit: (index: number) => Promise<string>;
  readonly forMs: number;
}

async function claimTimes(world: BuildWorld, { dispatcherId, submit, forMs }: DemandOptions): Promise<number[]> {
  const times: number[] = [];
  let submitting = true;
  const claiming = loopRate({ loops: 1, items: Number.MAX_SAFE_INTEGER, limitMs: forMs * 2 }, async () => {
    const from = performance.now();
    const { claimed } = await world.queue.claim({ dispatcherId, limit: 25 });
    if (claimed.length > 0) times.push(performance.now() - from);
    await atMost(8, claimed, async ({ executionId }) => {
      const message = 'ended by the benchmark';
      await world.queue.failPlacing({ executionId, dispatcherId, reason: 'BuildConfigInvalid', message });
    });
    if (claimed.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    return claimed.length === 0 && !submitting ? 0 : 1;
  });
  await paced(DEMAND_PER_SECOND, forMs, async (index) => void (await submit(index)));
  submitting = false;
  await claiming;
  return times;
}

/** A transaction with a snapshot and an id, as a forgotten report has: nothing that dies from now on can be removed. */
async function holdSnapshot(url: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await client.query('SELECT txid_current(), count(*) FROM pg_class');
  return async () => {
    await client.query('COMMIT');
    await client.end();
  };
}
