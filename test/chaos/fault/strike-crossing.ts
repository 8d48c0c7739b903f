import { setTimeout as delay } from 'node:timers/promises';
import { type ArmedPoint, type Crossing, type CrossingAction, crossingKey } from '../process/crossing.ts';
import type { Random } from '../schedule/random.ts';
import type { ChaosWorld } from '../world/chaos-world.ts';
import type { CrossingFault, Fault } from './fault.ts';
import { type Provocation, provocationOf } from './provocations.ts';
import { thaw } from './thaw.ts';

const WITHIN_MS = 4_000;
/** Of those that are met all the time another than the first is taken. */
const OFTEN = 60;

/** A crossing that comes by itself is waited for beside others; what is seldom come by is brought about, and waited for alone. */
export function crossingFault(crossing: Crossing, action: CrossingAction, seen: number): Fault {
  const name = `${action} at ${crossingKey(crossing)}`;
  const provocation = provocationOf(crossing.label);
  if (provocation === undefined) {
    const point = (random: Random): ArmedPoint => ({ crossing, action, nth: random.integer(1, seen >= OFTEN ? 6 : 1) });
    return { name, scope: 'crossing', point };
  }
  return {
    name,
    scope: 'place',
    provokes: provocation.bring !== undefined || provocation.atStart === true,
    strike: (world, place, random) =>
      strikeProvoked({ crossing, action, nth: 1 }, provocation, { world, place, random }),
  };
}

/**
 * Waits for the dispatcher of a place to come by one of the crossings, and strikes it there. A dead one is replaced at once.
 * @returns the fault that struck; undefined when none of the crossings came
 */
export async function strikeFirst(
  faults: readonly CrossingFault[],
  world: ChaosWorld,
  place: number,
  random: Random,
): Promise<CrossingFault | undefined> {
  const dispatcher = world.dispatcher(place);
  // Sometimes it dies while it starts.
  if (random.next() < 0.85) await dispatcher.working;
  const points = faults.map(({ point }) => point(random));
  const index = await dispatcher.strikeAt(points, WITHIN_MS);
  if (index === undefined) return undefined;
  if (points[index]?.action === 'freeze') await thaw(dispatcher, random);
  world.dispatcher(place);
  return faults[index];
}

async function strikeProvoked(
  point: ArmedPoint,
  { atStart = false, bring, everyMs, withinMs = WITHIN_MS }: Provocation,
  { world, place, random }: { readonly world: ChaosWorld; readonly place: number; readonly random: Random },
): Promise<boolean> {
  if (atStart) {
    await world.dispatcher(place).kill();
    await bring?.(world);
  }
  const dispatcher = world.dispatcher(place);
  if (!atStart) await dispatcher.working;
  let over = false;
  const striking = dispatcher.strikeAt([point], withinMs).finally(() => (over = true));
  if (!atStart && bring !== undefined) {
    await bring(world);
    while (everyMs !== undefined && !over) {
      await Promise.race([striking, delay(everyMs)]);
      if (!over) await bring(world);
    }
  }
  const struck = (await striking) !== undefined;
  if (struck && point.action === 'freeze') await thaw(dispatcher, random);
  world.dispatcher(place);
  return struck;
}
