import { TokenBroker } from '@image-factory/cluster-connectors';
import { systemClock } from '@image-factory/telemetry';

/** What the broker adds to a request, beside a control that only awaits a value. */
export interface BrokerFigure {
  /** Microseconds for each token that is asked for. */
  readonly microsPerRequest: number;
  /** Microseconds for awaiting a promise that is there. */
  readonly controlMicros: number;
  /** Of the means of 200 batches, the 99th percentile. */
  readonly p99Micros: number;
  readonly requests: number;
  /** Tokens that were made meanwhile. */
  readonly renewals: number;
}

const BATCHES = 200;

/** Asks a broker for its token, again and again. */
export async function measureBroker(requests = 1_000_000): Promise<BrokerFigure> {
  let minted = 0;
  const broker = new TokenBroker({
    name: 'a cluster',
    clock: systemClock,
    mint: async () => ({
      value: `token-${(minted += 1)}`,
      expiresAt: new Date(systemClock.now().getTime() + 30_000),
    }),
  });
  const size = Math.ceil(requests / BATCHES);
  await batch(size, () => broker.read());
  const batches: number[] = [];
  for (let index = 0; index < BATCHES; index += 1) batches.push(await batch(size, () => broker.read()));
  const ready = Promise.resolve('token');
  const controls: number[] = [];
  for (let index = 0; index < BATCHES; index += 1) controls.push(await batch(size, () => ready));
  batches.sort((a, b) => a - b);
  return {
    microsPerRequest: mean(batches),
    controlMicros: mean(controls),
    p99Micros: batches[Math.floor(BATCHES * 0.99)] ?? 0,
    requests: size * BATCHES,
    renewals: broker.view().renewals,
  };
}

/** Microseconds for each. */
async function batch(size: number, ask: () => Promise<string>): Promise<number> {
  const startedMs = performance.now();
  for (let count = 0; count < size; count += 1) await ask();
  return ((performance.now() - startedMs) * 1000) / size;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
