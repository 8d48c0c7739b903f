import { type ChaosWorld, DISPATCHERS } from '../world/chaos-world.ts';
import type { LimitWatch } from './watch-limits.ts';

/** A round of so many builds reaches limits. */
const ENOUGH_BUILDS = 30;

/** Whether the checks that find nothing could have found something. */
export async function checkSight(world: ChaosWorld, limits: LimitWatch): Promise<string[]> {
  const found: string[] = [];
  if (limits.looks === 0) found.push('blind: nobody has looked at the limits');
  // One build of a key is as many as there may be.
  const reached = [...world.live.reached].filter((what) => !what.startsWith('key '));
  if (world.plans.length >= ENOUGH_BUILDS && reached.length === 0)
    found.push('blind: no limit was reached, so none was tried');
  const [known] = await world.database.query<{ processes: number }>(
    `SELECT count(DISTINCT process)::int AS processes FROM chaos_owners WHERE process <> 'suite'`,
  );
  if ((known?.processes ?? 0) < DISPATCHERS) found.push('blind: the triggers do not know whose writes they see');
  return found;
}
