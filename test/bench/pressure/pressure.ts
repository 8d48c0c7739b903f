import { alternate, samplesOf } from '../measure/alternate.ts';
import { runSteps } from '../measure/step.ts';
import { toResult, type BenchmarkOptions, type BenchmarkRun, type MeasuredResult } from '../report.ts';
import { offerBuilds, REQUESTS, type RoundResult, type Sickness } from './offer-builds.ts';

const SICK: readonly Exclude<Sickness, 'absent'>[] = ['slow', 'dead'];

/**
 * What one sick cluster of ten costs the other nine: placements go on as fast as one process's shared room allows. The
 * control is the same process with the nine alone, in alternating rounds.
 */
export async function pressureBenchmark(options: BenchmarkOptions): Promise<BenchmarkRun> {
  const step = { id: 'pressure', title: 'nine clusters beside a sick one', rows: ['others', 'room'] };
  return { versions: {}, ...(await runSteps(options, [{ ...step, run: () => measureSickness(options.quick) }])) };
}

async function measureSickness(quick: boolean): Promise<MeasuredResult[]> {
  const [rounds, seconds] = quick ? [2, 5] : [5, 20];
  const contender = (sickness: Sickness) => ({ name: sickness, round: () => offerBuilds(sickness, seconds) });
  const samples = await alternate<RoundResult>(rounds, [contender('absent'), ...SICK.map(contender)]);
  return SICK.flatMap((sickness) => compare(sickness, samplesOf(samples, sickness), samplesOf(samples, 'absent')));
}

function compare(sickness: Sickness, sick: readonly RoundResult[], alone: readonly RoundResult[]): MeasuredResult[] {
  const control = 'the nine alone, in turns';
  const placements = `placements of ${REQUESTS} reading requests on nine clusters beside one that is ${sickness}`;
  return [
    toResult({
      id: `others-${sickness}`,
      title: `${placements}, as many as one process can do, per second`,
      samples: sick.map((round) => round.perSecond),
      q: 0.5,
      control: { name: control, samples: alone.map((round) => round.perSecond) },
      target: { text: 'ratio at least 0.95', met: (_ours, ratio) => ratio !== null && ratio >= 0.95 },
    }),
    toResult({
      id: `others-wait-${sickness}`,
      title: `${placements}, from the turn to the end, p95, ms`,
      samples: sick.map((round) => round.p95Ms),
      q: 0.5,
      control: { name: control, samples: alone.map((round) => round.p95Ms) },
    }),
    toResult({
      id: `room-${sickness}`,
      title: `largest part of the shared room that the ${sickness} cluster held (%)`,
      samples: sick.map((round) => round.heldPercent),
      q: 0.5,
    }),
  ];
}
