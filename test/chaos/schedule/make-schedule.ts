import type { Fault } from '../fault/fault.ts';
import { Random } from './random.ts';

export const POINTS_PER_ROUND = 25;
/** Every so manieth fault is another than a crossing. */
const OTHER_EVERY = 4;

/**
 * The faults of one round, without end: what its seed says and nothing else. Rounds of seeds that follow each other
 * walk through a shuffled table of all crossings, so that so many rounds meet each of them.
 */
export function* makeSchedule(
  seed: number,
  crossings: readonly Fault[],
  others: readonly Fault[],
): Generator<Fault, never> {
  const random = new Random(seed);
  let position = seed * POINTS_PER_ROUND;
  for (let count = 1; ; count += 1) {
    if (count % OTHER_EVERY === 0) {
      yield random.pick(others);
      continue;
    }
    const lap = Math.floor(position / crossings.length);
    const fault = new Random(lap).shuffle(crossings)[position % crossings.length];
    if (fault !== undefined) yield fault;
    position += 1;
  }
}
