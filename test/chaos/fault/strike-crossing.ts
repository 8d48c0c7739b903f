import { type Crossing, type CrossingAction, crossingKey } from '../process/crossing.ts';
import type { ChaosWorld } from '../world/chaos-world.ts';
import { thaw } from './thaw.ts';
import type { Fault } from './fault.ts';

const WITHIN_MS = 4_000;
/** Of those that are met all the time another than the first is taken. */
const OFTEN = 60;
/** A process meets these while it starts, and hardly ever again. */
const AT_START =
  /^(LISTEN|INSERT INTO (dispatchers|cluster_shards)|SELECT (version|migrations|to_regclass|current_schema|installation|generate_series|pg_inherits|pg_advisory_xact_lock|constant)|COMMIT of reads|UPDATE providers.previous_nonce|UPDATE providers.credential_last_used_at)$/;
/** These belong to the first build of a tenant on a cluster. */
const AT_PREPARATION =
  /^((PATCH|POST|GET) (namespaces|serviceaccounts|tasks|configmaps)|INSERT INTO tenant_namespaces)$/;

/**
 * A dispatcher dies, or its connection breaks, or it is frozen past its lease, at one crossing. The dead one is replaced at
 * once.
 */
export function strikeCrossing(crossing: Crossing, action: CrossingAction, seen: number): Fault {
  const { label } = crossing;
  return {
    name: `${action} at ${crossingKey(crossing)}`,
    scope: 'place',
    async strike(world, place, random) {
      if (AT_START.test(label)) await world.dispatcher(place).kill();
      const dispatcher = world.dispatcher(place);
      // Sometimes it dies while it starts.
      if (!AT_START.test(label) && random.next() < 0.85) await dispatcher.working;
      if (AT_PREPARATION.test(label)) await distrustPlaces(world);
      const nth = random.integer(1, seen >= OFTEN ? 6 : 1);
      const struck = await dispatcher.strikeAt(crossing, action, nth, WITHIN_MS);
      if (action === 'freeze') await thaw(dispatcher, random);
      world.dispatcher(place);
      return struck;
    },
  };
}

/** Every tenant's namespace is made ready again, as after an upgrade of the Tasks. */
async function distrustPlaces(world: ChaosWorld): Promise<void> {
  await world.database.query(`UPDATE tenant_namespaces SET content_hash = ''`);
}
