/** One of the things that are compared; `round` returns its figure of one round. */
export interface Contender {
  readonly name: string;
  round(): Promise<number>;
}

/** Runs the contenders in turn, each round in the opposite order of the last, so that none always runs on a tired disk. */
export async function alternate(rounds: number, contenders: readonly Contender[]): Promise<Map<string, number[]>> {
  const samples = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      samples.get(contender.name)?.push(await contender.round());
    }
  }
  return samples;
}

/** @throws Error when the contender did not take part */
export function samplesOf(samples: ReadonlyMap<string, number[]>, name: string): number[] {
  const found = samples.get(name);
  if (found === undefined) throw new Error(`no samples of ${name}`);
  return found;
}
