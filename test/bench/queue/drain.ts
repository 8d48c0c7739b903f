import { alternate, samplesOf } from '../measure/alternate.ts';
import { quantile, toResult, type MeasuredResult } from '../report.ts';
import { ourQueue, type OurQueueOptions } from './peer/our-queue.ts';
import type { QueueContender } from './peer/queue-contender.ts';
import type { QueueBench } from './queue.ts';

const TENANTS = 200;
const WARM_MS = 300;
const GRAPHILE = 'graphile-worker, defaults';
const PREFETCH = 'graphile-worker, prefetch 500';
const BOSS = 'pg-boss, 100 per fetch';

type Mode = 'one' | 'many';
type Samples = ReadonlyMap<string, number[]>;

interface Compared {
  readonly id: string;
  readonly ours: string;
  readonly control: string;
  readonly atLeast?: number;
  /** Only judged at this backlog. */
  readonly onlyAt?: number;
  /** Not compared at smaller backlogs. */
  readonly from?: number;
}

const COMPARED: Readonly<Record<Mode, readonly Compared[]>> = {
  one: [
    { id: 'B1-bare', ours: 'claim 1, end 1', control: 'bare claim 1, end 1', atLeast: 0.75 },
    { id: 'B1-claim', ours: 'claim 1', control: 'bare claim 1', atLeast: 0.75 },
    { id: 'B1-graphile', ours: 'claim 1, end 1', control: GRAPHILE, atLeast: 1.1 },
    { id: 'B1-build', ours: 'claim 1, place, finish', control: 'bare claim 1, end 1' },
  ],
  many: [
    { id: 'B2-bare-100', ours: 'claim 100, end each', control: 'bare claim 100, end 100', atLeast: 0.6 },
    { id: 'B2-claim-100', ours: 'claim 100', control: 'bare claim 100', atLeast: 0.6 },
    // Two fetches take a backlog of 1,000, and its clock runs from the first job on: half of them would cost nothing.
    { id: 'B2-graphile-500', ours: 'claim 500, end each', control: PREFETCH, atLeast: 1, from: 10_000 },
    { id: 'B2-claim-500', ours: 'claim 500', control: 'bare claim 500' },
    { id: 'B2-pgboss-100', ours: 'claim 100, end each', control: BOSS, atLeast: 100, onlyAt: 1_000_000 },
  ],
};

/** B1, B2: how fast a backlog is taken and ended, 200 tenants, beside the same backlog elsewhere. */
export async function measureDrain(bench: QueueBench): Promise<MeasuredResult[]> {
  const world = await bench.world('drain');
  const bare = await bench.bare('drain');
  const graphile = await bench.graphile('drain');
  const boss = await bench.pgBoss('drain');
  try {
    const tenants = await world.tenants(TENANTS, { maxRunning: 1_000_000 });
    const ours = (name: string, batch: number, loops: number, ends: OurQueueOptions['ends']): Promise<QueueContender> =>
      ourQueue(world, { name, tenants, batch, loops, ends });
    return await measureBacklogs(bench, {
      one: [
        await ours('claim 1, end 1', 1, 8, 'at-once'),
        await ours('claim 1', 1, 8, 'no'),
        await ours('claim 1, place, finish', 1, 8, 'placed'),
        bare.contender('bare claim 1, end 1', { batch: 1, loops: 8, ends: true }),
        bare.contender('bare claim 1', { batch: 1, loops: 8, ends: false }),
        graphile.contender(GRAPHILE, 0),
      ],
      many: [
        await ours('claim 100, end each', 100, 4, 'at-once'),
        await ours('claim 100', 100, 4, 'no'),
        await ours('claim 500, end each', 500, 2, 'at-once'),
        await ours('claim 500', 500, 2, 'no'),
        bare.contender('bare claim 100, end 100', { batch: 100, loops: 4, ends: true }),
        bare.contender('bare claim 100', { batch: 100, loops: 4, ends: false }),
        bare.contender('bare claim 500', { batch: 500, loops: 2, ends: false }),
        graphile.contender(PREFETCH, 500),
        boss.contender(BOSS, { batchSize: 100, loops: 4 }),
      ],
    });
  } finally {
    await Promise.all([world.close(), bare.close(), graphile.close(), boss.close()]);
  }
}

async function measureBacklogs(
  bench: QueueBench,
  contenders: Readonly<Record<Mode, readonly QueueContender[]>>,
): Promise<MeasuredResult[]> {
  const byBacklog: Record<Mode, Map<number, Samples>> = { one: new Map(), many: new Map() };
  for (const backlog of bench.backlogs) {
    for (const mode of ['one', 'many'] as const) {
      // The first fill may be large and is no part of a round; in a round only what was taken before comes back. It is
      // analysed, so that every connection plans anew: what comes first afterwards is no part of a round either.
      for (const contender of contenders[mode]) {
        await contender.topUp(backlog);
        await contender.drain({ jobs: backlog, limitMs: WARM_MS });
      }
      const samples = await alternate(
        bench.rounds,
        contenders[mode].map((contender) => ({
          name: contender.name,
          round: async () => {
            await contender.topUp(backlog);
            return contender.drain({ jobs: backlog, limitMs: bench.quick ? 250 : 1_500 });
          },
        })),
      );
      byBacklog[mode].set(backlog, samples);
    }
  }
  return (['one', 'many'] as const).flatMap((mode) => [
    ...[...byBacklog[mode]].flatMap(([backlog, samples]) => compare(mode, backlog, samples)),
    ...flatness(mode, byBacklog[mode]),
  ]);
}

function compare(mode: Mode, backlog: number, samples: Samples): MeasuredResult[] {
  const compared = COMPARED[mode].filter(({ from = 0 }) => backlog >= from);
  return compared.map(({ id, ours, control, atLeast, onlyAt }) =>
    toResult({
      id: `${id}-${short(backlog)}`,
      title: `${ours}; backlog ${short(backlog)}, builds/s`,
      samples: samplesOf(samples, ours),
      q: 0.5,
      control: { name: control, samples: samplesOf(samples, control) },
      ...(atLeast === undefined || (onlyAt ?? backlog) !== backlog
        ? {}
        : {
            target: {
              text: `at least ${atLeast} ×`,
              met: (_value: number, ratio: number | null) => ratio !== null && ratio >= atLeast,
            },
          }),
    }),
  );
}

/** The same work at the largest backlog and at the smallest. */
function flatness(mode: Mode, byBacklog: ReadonlyMap<number, Samples>): MeasuredResult[] {
  const [smallest, largest] = [[...byBacklog.keys()][0] ?? 0, [...byBacklog.keys()].at(-1) ?? 0];
  const [few, many] = [byBacklog.get(smallest), byBacklog.get(largest)];
  if (few === undefined || many === undefined) return [];
  return [...new Set(COMPARED[mode].map(({ ours }) => ours))].map((ours) =>
    toResult({
      id: `${mode === 'one' ? 'B1' : 'B2'}-flat-${ours.replaceAll(/[ ,]+/g, '-')}`,
      title: `${ours}: backlog ${short(largest)} beside ${short(smallest)}, builds/s`,
      samples: samplesOf(many, ours),
      q: 0.5,
      control: {
        name: `backlog ${short(smallest)}: ${Math.round(quantile(samplesOf(few, ours), 0.5))}/s`,
        samples: samplesOf(few, ours),
      },
      target: { text: 'at least 0.9 ×', met: (_value, ratio) => ratio !== null && ratio >= 0.9 },
    }),
  );
}

export function short(count: number): string {
  if (count >= 1_000_000) return `${count / 1_000_000}M`;
  return count >= 1_000 ? `${count / 1_000}k` : String(count);
}
