import { alternate, samplesOf } from '../measure/alternate.ts';
import { quantile, toResult, type MeasuredResult } from '../report.ts';
import { ourQueue } from './peer/our-queue.ts';
import type { QueueBench } from './queue.ts';

const LOOPS = [1, 4, 16, 64];

/** B9: more claim loops than the machine has use for must not make it slower. */
export async function measureClaimLoops(bench: QueueBench): Promise<MeasuredResult[]> {
  const world = await bench.world('loops', 64);
  const bare = await bench.bare('loops');
  const backlog = bench.quick ? 10_000 : 100_000;
  try {
    const tenants = await world.tenants(200, { maxRunning: 1_000_000 });
    await world.topUp(tenants, backlog);
    await bare.topUp(backlog);
    const contenders = await Promise.all(
      LOOPS.flatMap((loops) => [
        ourQueue(world, { name: `ours ${loops}`, tenants, batch: 10, loops, ends: 'no' }),
        Promise.resolve(bare.contender(`bare ${loops}`, { batch: 10, loops, ends: false })),
      ]),
    );
    const samples = await alternate(
      bench.rounds,
      contenders.map((contender) => ({
        name: contender.name,
        round: async () => {
          await contender.topUp(backlog / 2);
          return contender.drain({ jobs: backlog, limitMs: bench.quick ? 250 : 1_200 });
        },
      })),
    );
    const best = Math.max(...LOOPS.map((loops) => quantile(samplesOf(samples, `ours ${loops}`), 0.5)));
    return [
      ...LOOPS.map((loops) =>
        toResult({
          id: `B9-${loops}`,
          title: `${loops} claim loops of 10, builds/s`,
          samples: samplesOf(samples, `ours ${loops}`),
          q: 0.5,
          control: { name: `bare SQL, ${loops} loops`, samples: samplesOf(samples, `bare ${loops}`) },
        }),
      ),
      toResult({
        id: 'B9-scaling',
        title: '64 claim loops beside the best number, builds/s',
        samples: samplesOf(samples, 'ours 64'),
        q: 0.5,
        control: { name: 'the best of 1, 4, 16, 64', samples: [best] },
        target: { text: 'at least 0.8 ×', met: (_value, ratio) => ratio !== null && ratio >= 0.8 },
      }),
    ];
  } finally {
    await Promise.all([world.close(), bare.close()]);
  }
}
