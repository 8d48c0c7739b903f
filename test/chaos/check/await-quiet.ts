import { setTimeout as delay } from 'node:timers/promises';
import type { ChaosWorld } from '../world/chaos-world.ts';

const LOOK_MS = 100;

/**
 * Waits until every build has ended and everything of it has left the clusters.
 * @returns what has not, at the deadline
 */
export async function awaitQuiet(world: ChaosWorld, withinMs: number): Promise<string[]> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    // A dispatcher that died late is replaced, as an orchestrator would.
    for (let place = 0; place < world.dispatchers.length; place += 1) world.dispatcher(place);
    const rows = await world.database.query<{ what: string }>(UNSETTLED);
    const open = rows.map((row) => row.what);
    const isLate = performance.now() > deadlineMs;
    if (rows.length === 0 || isLate) {
      open.push(...world.clusters.flatMap((cluster) => cluster.leftovers().map((object) => `orphan: ${object}`)));
    }
    if (open.length === 0 || isLate) return open;
    await delay(LOOK_MS);
  }
}

const UNSETTLED = `
  SELECT 'lost: build ' || b.id || ' (' || b.git_branch || ') is still ' || b.status || coalesce(' parked ' || b.parked, '')
         || coalesce(', execution ' || e.state || coalesce(' waiting ' || e.waiting_reason || ': ' || e.waiting_message, ''), '')
         AS what
    FROM builds b LEFT JOIN build_executions e ON e.build_id = b.id AND e.finished_at IS NULL
   WHERE b.finished_at IS NULL
  UNION ALL
  SELECT 'unswept: execution ' || id || ' (' || state || ') of build ' || build_id FROM build_executions
   WHERE finished_at IS NOT NULL AND state <> 'released' AND swept_at IS NULL`;
