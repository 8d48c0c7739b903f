import { toResult, type MeasuredResult, type BenchmarkRun } from '../report.ts';
import { offerBuilds, type RoundResult, type Sickness } from './offer-builds.ts';

const SICK: readonly Exclude<Sickness, 'well'>[] = ['slow', 'dead'];

/**
 * What one sick cluster of ten costs the other nine: builds are offered to all at a steady rate through one process's
 * shared room. The control is the same process with ten well clusters, in alternating rounds.
 */
export async function pressureBenchmark({ quick }: { quick: boolean }): Promise<BenchmarkRun> {
  const rounds = quick ? 2 : 5;
  const seconds = quick ? 5 : 10;
  const samples: Record<Sickness, RoundResult[]> = { well: [], slow: [], dead: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const sickness of ['well', ...SICK] as const) {
      process.stderr.write(`measuring round ${round + 1} of ${rounds}, first cluster ${sickness} …\n`);
      samples[sickness].push(await offerBuilds(sickness, seconds));
    }
  }
  const results = SICK.flatMap((sickness) => compare(sickness, samples[sickness], samples.well));
  return { versions: {}, results, leftOut: [] };
}

function compare(sickness: Sickness, sick: readonly RoundResult[], well: readonly RoundResult[]): MeasuredResult[] {
  const control = 'ten well clusters';
  return [
    toResult({
      id: `others-${sickness}`,
      title: `builds per second placed and created on nine clusters beside one that is ${sickness}`,
      samples: sick.map((round) => round.perSecond),
      q: 0.5,
      control: { name: control, samples: well.map((round) => round.perSecond) },
      target: { text: 'ratio at least 0.95', met: (_ours, ratio) => ratio !== null && ratio >= 0.95 },
    }),
    toResult({
      id: `others-wait-${sickness}`,
      title: `p95 from offered to created on the nine (ms), beside one that is ${sickness}`,
      samples: sick.map((round) => round.p95Ms),
      q: 0.5,
      control: { name: control, samples: well.map((round) => round.p95Ms) },
    }),
    toResult({
      id: `room-${sickness}`,
      title: `largest part of the shared room that the ${sickness} cluster held (%)`,
      samples: sick.map((round) => round.heldPercent),
      q: 0.5,
      control: { name: control, samples: well.map((round) => round.heldPercent) },
    }),
  ];
}
