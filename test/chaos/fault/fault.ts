import type { ArmedPoint } from '../process/crossing.ts';
import type { Random } from '../schedule/random.ts';
import type { ChaosWorld } from '../world/chaos-world.ts';

/** Something that the suite does by itself. */
export interface DoneFault {
  /** What is counted in the results. */
  readonly name: string;
  /** `place`: it strikes one dispatcher, beside faults of others; `world`: it strikes what all share, alone. */
  readonly scope: 'place' | 'world';
  /** It brings about what it waits for. */
  readonly provokes?: boolean;
  /** @returns false when nothing met it */
  strike(world: ChaosWorld, place: number, random: Random): Promise<boolean>;
}

/** A dispatcher dies, or its connection breaks, or it is frozen past its lease, when it comes by a crossing. */
export interface CrossingFault {
  readonly name: string;
  readonly scope: 'crossing';
  readonly point: (random: Random) => ArmedPoint;
}

/** One thing that goes wrong. */
export type Fault = DoneFault | CrossingFault;
