import { type ChaosWorld, DISPATCHERS } from '../world/chaos-world.ts';
import type { LimitWatch } from './watch-limits.ts';

/** Whether the checks that find nothing could have found something. */
export async function checkSight(world: ChaosWorld, limits: LimitWatch): Promise<string[]> {
  const found: string[] = [];
  if (limits.looks === 0) found.push('blind: nobody has looked at the limits');
  const [known] = await world.database.query<{ processes: number }>(
    `SELECT count(DISTINCT process)::int AS processes FROM chaos_owners WHERE process <> 'suite'`,
  );
  if ((known?.processes ?? 0) < DISPATCHERS) found.push('blind: the triggers do not know whose writes they see');
  return found;
}
