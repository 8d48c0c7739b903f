import type { CrossingFault, DoneFault, Fault } from './fault/fault.ts';
import { strikeFirst } from './fault/strike-crossing.ts';
import { Random } from './schedule/random.ts';
import { type ChaosWorld, DISPATCHERS } from './world/chaos-world.ts';

/** Faults that find nothing to strike at are left out; a round gives up after so many tries for each that struck. */
const TRIES_PER_POINT = 3;
/** One dispatcher of each round is struck by nothing but faults of the whole world. */
const STRUCK_PLACES = DISPATCHERS - 1;
/** A dispatcher waits for so many crossings at once: those that are seldom met stay armed while others strike. */
const ARMED = 20;

/** What struck, in order, and what nothing met: crossings that were waited for in vain, faults of requests that never came. */
export interface Strikes {
  readonly struck: readonly string[];
  readonly missed: readonly string[];
  /** For which something was brought about, whether it struck or not. */
  readonly provoked: readonly string[];
}

/** Lets faults of the schedule strike, on two dispatchers at once, until so many have. */
export async function strikeAll(
  world: ChaosWorld,
  seed: number,
  points: number,
  schedule: Iterator<Fault, never>,
): Promise<Strikes> {
  const random = new Random(seed ^ 0xfa17);
  const struck: string[] = [];
  const missed: string[] = [];
  const provoked: string[] = [];
  const armed = Array.from({ length: DISPATCHERS }, (): CrossingFault[] => []);
  const busy = new Map<number, Promise<void>>();
  const doOne = async (fault: DoneFault, place: number): Promise<void> => {
    if (fault.provokes === true) provoked.push(fault.name);
    const met = await fault.strike(world, place, random);
    (met ? struck : missed).push(fault.name);
  };
  const meetOne = async (waiting: CrossingFault[], place: number): Promise<void> => {
    const met = await strikeFirst(waiting, world, place, random);
    const [over] = waiting.splice(met === undefined ? 0 : waiting.indexOf(met), 1);
    if (over !== undefined) (met === undefined ? missed : struck).push(over.name);
  };
  for (let tries = 0; struck.length < points; tries += 1) {
    // Enough are under way; one that misses makes room for another.
    while (busy.size > 0 && (struck.length + busy.size >= points || tries >= points * TRIES_PER_POINT)) {
      await Promise.race(busy.values());
    }
    if (struck.length >= points || tries >= points * TRIES_PER_POINT) break;
    const place = await freePlace(seed, busy);
    const waiting = armed[place] ?? [];
    const fault = arm(waiting, schedule);
    if (fault?.scope === 'world') {
      await Promise.all(busy.values());
      await doOne(fault, place);
      continue;
    }
    const strike = fault === undefined ? meetOne(waiting, place) : doOne(fault, place);
    busy.set(
      place,
      strike.finally(() => busy.delete(place)),
    );
  }
  await Promise.all(busy.values());
  return { struck, missed, provoked };
}

/** Adds crossings until there are enough. @returns what the schedule has before that does not come by itself */
function arm(waiting: CrossingFault[], schedule: Iterator<Fault, never>): DoneFault | undefined {
  while (waiting.length < ARMED) {
    const fault = schedule.next().value;
    if (fault.scope !== 'crossing') return fault;
    waiting.push(fault);
  }
  return undefined;
}

async function freePlace(seed: number, busy: ReadonlyMap<number, Promise<void>>): Promise<number> {
  for (;;) {
    for (let offset = 0; offset < STRUCK_PLACES; offset += 1) {
      const place = (seed + offset) % DISPATCHERS;
      if (!busy.has(place)) return place;
    }
    await Promise.race(busy.values());
  }
}
