import { setTimeout as delay } from 'node:timers/promises';
import { awaitQuiet } from './check/await-quiet.ts';
import { CLUSTER_FAULTS } from './fault/strike-cluster.ts';
import { type Provocation, PROVOCATIONS } from './fault/provocations.ts';
import { DATABASE_FAULTS } from './fault/strike-database.ts';
import { REGISTRY_FAULTS } from './fault/strike-registry.ts';
import { BuildLoad } from './load/build-load.ts';
import type { DispatcherProcess } from './process/dispatcher-process.ts';
import { Random } from './schedule/random.ts';
import type { ChaosPostgres } from './world/chaos-postgres.ts';
import { ChaosWorld } from './world/chaos-world.ts';

const CALM_MS = 15_000;
const QUIET_WITHIN_MS = 60_000;
const PROVOKED_TIMES = 10;
const PROVOKED_EVERY_MS = 400;

/** Every crossing that three dispatchers make under load: in calm, while what they talk to fails, and when it is provoked. */
export async function takeCensus(postgres: ChaosPostgres): Promise<ReadonlyMap<string, number>> {
  const world = await ChaosWorld.open(postgres);
  try {
    const random = new Random(1);
    const load = new BuildLoad(world, random);
    await Promise.all(world.dispatchers.map((one) => one.working));
    await delay(CALM_MS);
    for (const fault of [...CLUSTER_FAULTS, ...DATABASE_FAULTS, ...REGISTRY_FAULTS])
      await fault.strike(world, 0, random);
    const sum = new Map<string, number>();
    for (const provocation of PROVOCATIONS) await provoke(provocation, world, sum);
    await load.stop();
    await awaitQuiet(world, QUIET_WITHIN_MS);
    for (const dispatcher of world.dispatchers) await count(dispatcher, sum);
    return sum;
  } finally {
    await world.close();
  }
}

async function provoke(
  { atStart = false, bring }: Provocation,
  world: ChaosWorld,
  sum: Map<string, number>,
): Promise<void> {
  if (atStart) {
    await count(world.dispatcher(0), sum);
    await world.dispatcher(0).kill();
  }
  for (let times = 0; bring !== undefined && times < (atStart ? 1 : PROVOKED_TIMES); times += 1) {
    await bring(world);
    await delay(PROVOKED_EVERY_MS);
  }
  await world.dispatcher(0).working;
}

async function count(dispatcher: DispatcherProcess, sum: Map<string, number>): Promise<void> {
  for (const [key, times] of Object.entries(await dispatcher.census())) sum.set(key, (sum.get(key) ?? 0) + times);
}
