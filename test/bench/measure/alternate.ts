/** One of the things that are compared; `round` returns its figure of one round, or its figures. */
export interface Contender<T = number> {
  readonly name: string;
  round(): Promise<T>;
}

/** Runs the contenders in turn, each round in the opposite order of the last, so that none always runs on a tired disk. */
export async function alternate<T = number>(
  rounds: number,
  contenders: readonly Contender<T>[],
): Promise<Map<string, T[]>> {
  const samples = new Map<string, T[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      samples.get(contender.name)?.push(await contender.round());
    }
  }
  return samples;
}

/** @throws Error when the contender did not take part */
export function samplesOf<T>(samples: ReadonlyMap<string, T[]>, name: string): T[] {
  const found = samples.get(name);
  if (found === undefined) throw new Error(`no samples of ${name}`);
  return found;
}
