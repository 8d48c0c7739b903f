import { setTimeout as delay } from 'node:timers/promises';
import { awaitQuiet } from './check/await-quiet.ts';
import { CLUSTER_FAULTS } from './fault/strike-cluster.ts';
import { DATABASE_FAULTS } from './fault/strike-database.ts';
import { BuildLoad } from './load/build-load.ts';
import { Random } from './schedule/random.ts';
import type { ChaosPostgres } from './world/chaos-postgres.ts';
import { ChaosWorld } from './world/chaos-world.ts';

const CALM_MS = 15_000;
const QUIET_WITHIN_MS = 60_000;

/** Every crossing that three dispatchers make under load: in calm, and while what they talk to fails. */
export async function takeCensus(postgres: ChaosPostgres): Promise<ReadonlyMap<string, number>> {
  const world = await ChaosWorld.open(postgres);
  try {
    const random = new Random(1);
    const load = new BuildLoad(world, random);
    await Promise.all(world.dispatchers.map((one) => one.working));
    await delay(CALM_MS);
    for (const fault of [...CLUSTER_FAULTS, ...DATABASE_FAULTS]) await fault.strike(world, 0, random);
    await load.stop();
    await awaitQuiet(world, QUIET_WITHIN_MS);
    const sum = new Map<string, number>();
    for (const dispatcher of world.dispatchers) {
      for (const [key, count] of Object.entries(await dispatcher.census())) sum.set(key, (sum.get(key) ?? 0) + count);
    }
    return sum;
  } finally {
    await world.close();
  }
}
