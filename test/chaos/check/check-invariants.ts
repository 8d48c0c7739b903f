import type { ChaosWorld } from '../world/chaos-world.ts';

/** What `GET /admin/invariants` would say when everything is quiet: nothing. */
export async function checkInvariants(world: ChaosWorld): Promise<string[]> {
  const report = await world.database.invariants();
  return Object.entries(report).flatMap(([name, { count, examples }]) =>
    count === 0 ? [] : [`invariant: ${name} ${count}: ${examples.join('; ')}`],
  );
}
