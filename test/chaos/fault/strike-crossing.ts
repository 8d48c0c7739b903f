import { type Crossing, type CrossingAction, crossingKey } from '../process/crossing.ts';
import type { Random } from '../schedule/random.ts';
import type { ChaosWorld } from '../world/chaos-world.ts';
import type { CrossingFault } from './fault.ts';
import { thaw } from './thaw.ts';

const WITHIN_MS = 4_000;
/** Of those that are met all the time another than the first is taken. */
const OFTEN = 60;
/** A process meets these while it starts, and hardly ever again. */
const AT_START =
  /^(CONNECT|LISTEN|INSERT INTO (dispatchers|cluster_shards)|SELECT (version|migrations|to_regclass|current_schema|installation|generate_series|pg_class|pg_advisory_xact_lock|constant)|COMMIT of reads|UPDATE providers.previous_nonce|UPDATE providers.credential_last_used_at)$/;
/** These belong to the first build of a tenant on a cluster. */
const AT_PREPARATION =
  /^((PATCH|POST|GET) (namespaces|serviceaccounts|tasks|configmaps)|INSERT INTO tenant_namespaces)$/;

export function crossingFault(crossing: Crossing, action: CrossingAction, seen: number): CrossingFault {
  return { name: `${action} at ${crossingKey(crossing)}`, scope: 'crossing', crossing, action, seen };
}

/** It comes only to a process that starts: one that runs is replaced for it. */
export function isAtStart({ crossing }: CrossingFault): boolean {
  return AT_START.test(crossing.label);
}

/**
 * Waits for the dispatcher of a place to come by one of the crossings, and strikes it there; the last of them may be one of
 * its start. A dead one is replaced at once.
 * @returns the fault that struck; undefined when none of the crossings came
 */
export async function strikeFirst(
  faults: readonly CrossingFault[],
  world: ChaosWorld,
  place: number,
  random: Random,
): Promise<CrossingFault | undefined> {
  const starts = faults.slice(-1).some(isAtStart);
  if (starts) await world.dispatcher(place).kill();
  const dispatcher = world.dispatcher(place);
  // Sometimes it dies while it starts.
  if (!starts && random.next() < 0.85) await dispatcher.working;
  if (faults.some(({ crossing }) => AT_PREPARATION.test(crossing.label))) await distrustPlaces(world);
  const points = faults.map(({ crossing, action, seen }) => ({
    crossing,
    action,
    nth: random.integer(1, seen >= OFTEN ? 6 : 1),
  }));
  const index = await dispatcher.strikeAt(points, WITHIN_MS);
  const struck = index === undefined ? undefined : faults[index];
  if (struck?.action === 'freeze') await thaw(dispatcher, random);
  world.dispatcher(place);
  return struck;
}

/** Every tenant's namespace is made ready again, as after an upgrade of the Tasks. */
async function distrustPlaces(world: ChaosWorld): Promise<void> {
  await world.database.query(`UPDATE tenant_namespaces SET content_hash = ''`);
}
