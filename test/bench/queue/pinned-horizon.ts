import pg from 'pg';
import { alternate, samplesOf } from '../measure/alternate.ts';
import { atMost, loopRate, paced } from '../measure/closed-loop.ts';
import { toResult, type MeasuredResult } from '../report.ts';
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

/** How long each part of a round takes. */
interface Durations {
  readonly windowMs: number;
  readonly heldMs: number;
  /** From the release until the first speed has to be back. */
  readonly recoveryMs: number;
}

/** B6: what a snapshot that somebody holds open costs, at full speed and at a real demand. */
export async function measurePinnedHorizon(bench: QueueBench): Promise<MeasuredResult[]> {
  const durations: Durations = bench.quick
    ? { windowMs: 700, heldMs: 2_000, recoveryMs: 2_000 }
    : { windowMs: 4_000, heldMs: 30_000, recoveryMs: 30_000 };
  return [...(await atFullSpeed(bench, durations)), ...(await atDemand(bench))];
}

async function atFullSpeed(bench: QueueBench, durations: Durations): Promise<MeasuredResult[]> {
  const [ours, peer] = [await openOurs(bench), await openPeer(bench)];
  try {
    const rounds = bench.quick ? 1 : bench.rounds;
    const contender = (name: string, subject: Subject) => ({ name, round: () => measureRound(subject, durations) });
    const samples = await alternate(rounds, [contender('ours', ours), contender('peer', peer)]);
    const kept = (name: string): number[] => samplesOf(samples, name).map(({ held, before }) => (100 * held) / before);
    const held = `a snapshot held for ${durations.heldMs / 1000} s`;
    return [
      toResult({
        id: 'B6-kept',
        title: `claim 25 and end at full speed: percent of the speed that is left under ${held}`,
        samples: kept('ours'),
        q: 0.5,
        control: { name: 'graphile-worker, defaults, in turns', samples: kept('peer') },
        target: { text: 'at least what graphile-worker keeps', met: (_value, ratio) => ratio !== null && ratio >= 1 },
      }),
      toResult({
        id: 'B6-demand',
        title: `builds/s at the end of ${held} beside a demand of 33/s`,
        samples: samplesOf(samples, 'ours').map(({ held: rate }) => rate),
        q: 0.5,
        control: { name: 'demand', samples: [33] },
        target: { text: 'at least 10 ×', met: (_value, ratio) => ratio !== null && ratio >= 10 },
      }),
      toResult({
        id: 'B6-recovered',
        title: `percent of the first speed within ${durations.recoveryMs / 1000} s of the release`,
        samples: samplesOf(samples, 'ours').map(({ after, before }) => (100 * after) / before),
        q: 0.5,
        target: { text: 'at least 90', met: (value) => value >= 90 },
      }),
    ];
  } finally {
    await Promise.all([ours.close(), peer.close()]);
  }
}

interface Subject {
  readonly url: string;
  topUp(): Promise<void>;
  run(limitMs: number): Promise<number>;
  /** How many are still queued. */
  left(): Promise<number>;
  close(): Promise<void>;
}

async function openOurs(bench: QueueBench): Promise<Subject> {
  const world = await bench.world('pinned_ours');
  const tenants = await world.tenants(200, { maxRunning: 1_000_000 });
  const queue = await ourQueue(world, { name: 'ours', tenants, batch: 25, loops: 4, ends: 'at-once' });
  return {
    url: world.url,
    topUp: () => world.topUp(tenants, bench.quick ? 60_000 : 300_000),
    run: (limitMs) => queue.drain({ jobs: 10_000_000, limitMs }),
    left: () => world.number('SELECT sum(queued) AS n FROM lanes'),
    close: () => world.close(),
  };
}

async function openPeer(bench: QueueBench): Promise<Subject> {
  const peer = await bench.graphile('pinned_peer');
  return {
    url: peer.url,
    topUp: () => peer.topUp(bench.quick ? 60_000 : 300_000),
    run: (limitMs) => peer.drain(0, { jobs: 10_000_000, limitMs }),
    left: () => peer.queued(),
    close: () => peer.close(),
  };
}

/** @throws Error when the backlog has run out: the rates would be those of an empty queue */
async function measureRound(subject: Subject, { windowMs, heldMs, recoveryMs }: Durations): Promise<Horizon> {
  await subject.topUp();
  // Cold caches and first connections are no part of "before".
  await subject.run(windowMs);
  const before = await subject.run(windowMs);
  const release = await holdSnapshot(subject.url);
  await subject.run(heldMs - windowMs);
  const held = await subject.run(windowMs);
  await release();
  let after = 0;
  const until = performance.now() + recoveryMs;
  while (performance.now() < until && after < 0.95 * before) after = Math.max(after, await subject.run(windowMs));
  if ((await subject.left()) === 0) throw new Error('the backlog ran out before the round was over');
  return { before, held, after };
}

/** Enqueue, claim and end 200 builds a second for a minute under a held snapshot: how late claims get. */
async function atDemand(bench: QueueBench): Promise<MeasuredResult[]> {
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
