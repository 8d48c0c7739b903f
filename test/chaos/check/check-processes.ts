import type { ChaosWorld } from '../world/chaos-world.ts';

/** What a dispatcher says at level error about the state of the world is a violation, whoever noticed it first. */
const ALARMS = ['queue counters had drifted', 'no row; nothing is deleted', 'the database is another one'];

/** Nobody died by himself, no alarm was raised, and no rule was broken that a cluster sees by itself. */
export function checkProcesses(world: ChaosWorld): string[] {
  const found = [...world.clusters.flatMap((cluster) => cluster.facts.violations), ...world.live.violations];
  for (const process of world.everStarted) {
    if (process.unexpectedEnd !== undefined) found.push(`death: ${process.name}: ${process.unexpectedEnd}`);
    for (const line of process.errors) {
      if (ALARMS.some((alarm) => line.message.includes(alarm))) found.push(`alarm: ${process.name}: ${line.text}`);
    }
  }
  return found;
}
