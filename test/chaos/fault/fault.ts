import type { Random } from '../schedule/random.ts';
import type { ChaosWorld } from '../world/chaos-world.ts';

/** One thing that goes wrong. */
export interface Fault {
  /** What is counted in the results. */
  readonly name: string;
  /** `place`: it strikes one dispatcher, beside faults of others; `world`: it strikes what all share, alone. */
  readonly scope: 'place' | 'world';
  /** @returns false when what it waits for did not come: it counts for nothing */
  strike(world: ChaosWorld, place: number, random: Random): Promise<boolean>;
}
