import { atMost, loopRate, paced } from '../measure/closed-loop.ts';
import { quantile, toResult, type MeasuredResult } from '../report.ts';
import { liveAndSucceed, submitter } from './build-life.ts';
import type { QueueBench } from './queue.ts';

const PER_SECOND = 50;

/** B18: whole builds at a steady rate, autovacuum as it comes: what was fast in the first minute still is in the last. */
export async function measureSoak(bench: QueueBench): Promise<MeasuredResult[]> {
  const forMs = bench.minutes * 60_000;
  const minuteMs = Math.min(60_000, forMs / 3);
  const world = await bench.world('soak', 16);
  try {
    const submit = await submitter(world, 50);
    const dispatcherId = await world.dispatcher();
    const fence = await world.shard(dispatcherId);
    const claims: { atMs: number; tookMs: number }[] = [];
    const dead: number[] = [];
    const startedMs = performance.now();
    let submitting = true;
    const claiming = loopRate({ loops: 1, items: Number.MAX_SAFE_INTEGER, limitMs: forMs * 2 }, async () => {
      const fromMs = performance.now();
      const { claimed } = await world.queue.claim({ dispatcherId, limit: 25 });
      if (claimed.length > 0) claims.push({ atMs: fromMs - startedMs, tookMs: performance.now() - fromMs });
      await atMost(12, claimed, (one) => liveAndSucceed(world, one, dispatcherId, fence));
      await new Promise((resolve) => setTimeout(resolve, 50));
      return claimed.length === 0 && !submitting ? 0 : 1;
    });
    const looking = setInterval(() => {
      world.number(`SELECT sum(n_dead_tup) AS n FROM pg_stat_user_tables`).then(
        (n) => dead.push(n),
        () => undefined,
      );
    }, minuteMs / 4);
    const builds = await paced(PER_SECOND, forMs, async (index) => void (await submit(index)));
    submitting = false;
    await claiming;
    clearInterval(looking);
    const of = (from: number, to: number): number[] =>
      claims.filter(({ atMs }) => atMs >= from && atMs < to).map(({ tookMs }) => tookMs);
    // The very first claims meet cold caches and plans.
    const first = of(minuteMs / 10, minuteMs);
    return [
      toResult({
        id: 'B18-claim-p99',
        title: `claim p99 in ms, last ${minuteMs / 1000} s of ${forMs / 1000} s at ${PER_SECOND} builds/s (${builds} whole builds)`,
        samples: of(forMs - minuteMs, forMs),
        q: 0.99,
        control: { name: `first ${minuteMs / 1000} s`, samples: first },
        target: { text: 'at most 1.2 ×', met: (_value, ratio) => ratio !== null && ratio <= 1.2 },
      }),
      toResult({
        id: 'B18-dead',
        title: 'dead rows of all tables: the most in the last half of the run',
        samples: dead.slice(Math.floor(dead.length / 2)),
        q: 1,
        control: {
          name: 'the most in its first half',
          samples: [quantile(dead.slice(0, Math.ceil(dead.length / 2)), 1)],
          mayBeZero: true,
        },
        target: { text: 'bounded: at most 1.5 ×', met: (_value, ratio) => ratio !== null && ratio <= 1.5 },
      }),
    ];
  } finally {
    await world.close();
  }
}
