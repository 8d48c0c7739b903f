import { TokenBroker } from '@image-factory/cluster-connectors';
import { systemClock } from '@image-factory/telemetry';
import { toResult, type MeasuredResult } from '../report.ts';

const BATCHES = 200;

/** What a request waits for its token when a broker keeps one, beside awaiting a value that is there. */
export async function measureBroker(quick: boolean): Promise<MeasuredResult[]> {
  let minted = 0;
  const broker = new TokenBroker({
    name: 'a cluster',
    clock: systemClock,
    mint: async () => ({
      value: `token-${(minted += 1)}`,
      expiresAt: new Date(systemClock.now().getTime() + 30_000),
    }),
  });
  const size = quick ? 1_000 : 5_000;
  const ready = Promise.resolve('token');
  await batch(size, () => broker.read());
  const ours: number[] = [];
  const control: number[] = [];
  for (let index = 0; index < BATCHES; index += 1) {
    ours.push(await batch(size, () => broker.read()));
    control.push(await batch(size, () => ready));
  }
  return [
    toResult({
      id: 'broker',
      title: 'a token of a broker, µs',
      samples: ours,
      q: 0.5,
      control: { name: 'a value that is there', samples: control },
      target: { text: 'under 50', met: (value) => value < 50 },
    }),
  ];
}

/** Microseconds for each. */
async function batch(size: number, ask: () => Promise<string>): Promise<number> {
  const startedMs = performance.now();
  for (let count = 0; count < size; count += 1) await ask();
  return ((performance.now() - startedMs) * 1000) / size;
}
