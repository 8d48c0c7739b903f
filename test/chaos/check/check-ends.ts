import { type BuildPlan, mayBeSuperseded } from '../load/build-plan.ts';
import type { ChaosWorld } from '../world/chaos-world.ts';
import { IMAGE_PATH } from '../world/chaos-cluster.ts';
import { tagOf } from '../world/chaos-database.ts';
import { VIOLATIONS } from '../world/guard-triggers.ts';

interface EndRow {
  readonly id: string;
  readonly git_branch: string;
  readonly status: string;
  readonly reason: string | null;
  readonly message: string | null;
  readonly image_digest: string | null;
  /** Attempts that were placed. */
  readonly placed: number;
  /** Attempts of which a run was made. */
  readonly attempts: number;
}

/**
 * Every build ended as its plan says, and no attempt ran besides those that lost their pod and the last: the death of a
 * dispatcher is nobody's failure. An attempt that was never made, because its cluster did not answer, is counted by nobody.
 */
export async function checkEnds(world: ChaosWorld): Promise<string[]> {
  const rows = await world.database.query<EndRow>(
    `SELECT b.id, b.git_branch, b.status, b.reason, b.message, b.image_digest,
            (SELECT count(*)::int FROM build_executions e WHERE e.build_id = b.id AND e.state <> 'released') AS placed,
            (SELECT count(*)::int FROM build_executions e WHERE e.build_id = b.id AND e.pipeline_run_uid IS NOT NULL) AS attempts
       FROM builds b`,
  );
  return rows.flatMap((row) => {
    const plan = world.plans[Number(row.git_branch.slice('chaos-'.length))];
    if (plan === undefined) return [`build ${row.id} has no plan`];
    const seen = `build ${row.id} (plan ${plan.index}, ${plan.ending}) is ${row.status} ${row.reason}: ${row.message}`;
    const found: string[] = [];
    const unread = plan.ending === 'fails' ? unreadOf(world, row.id) : 0;
    if (!mayEnd(plan, row, world.plans, unread)) found.push(`end: ${seen}`);
    if (row.attempts > 1 + plan.disruptions + unread) found.push(`attempts: ${seen}, after ${row.attempts} attempts`);
    const tagged = world.registry.digestOf(IMAGE_PATH, tagOf(plan));
    if (row.status === 'completed' && tagged !== row.image_digest) {
      found.push(`tag: ${seen}; its tag names ${tagged}, its digest is ${row.image_digest}`);
    }
    if (row.status !== 'completed' && tagged !== undefined) found.push(`tag: ${seen}; its tag was put all the same`);
    return found;
  });
}

/** Attempts whose logs were kept away: why one of them failed is not known then, and it is repeated once. */
function unreadOf({ clusters }: ChaosWorld, buildId: string): number {
  const runs = clusters.flatMap(({ facts }) => [...facts.runs.values()]);
  return runs.filter((run) => run.buildId === buildId && run.logsKeptAway).length;
}

function mayEnd(plan: BuildPlan, row: EndRow, plans: readonly BuildPlan[], unread: number): boolean {
  const { ending } = plan;
  // Its place was taken by a later build of its key; a build that runs only where that one's policy says so.
  if (row.status === 'cancelled' && row.reason === 'Superseded')
    return mayBeSuperseded(plan, plans, neverWaitedAgain(plan, row));
  if (ending === 'succeeds') return row.status === 'completed';
  if (ending === 'fails')
    return (
      row.status === 'failed' && (row.reason === 'StepFailed' || (unread > 1 && row.reason === 'AttemptsExhausted'))
    );
  // A cancel whose submission's answer was lost is never asked for, and one that comes late finds the build ended.
  return row.status === 'cancelled' || row.status === 'completed';
}

/** It was placed once, and did not come back into the queue. */
function neverWaitedAgain(plan: BuildPlan, row: EndRow): boolean {
  return row.placed === 1 && row.attempts === 1 && plan.disruptions === 0;
}

/** Every build whose submission was answered is there. */
export async function checkAcknowledged(world: ChaosWorld, ids: readonly string[]): Promise<string[]> {
  const rows = await world.database.query<{ id: string }>(
    `SELECT a.id FROM unnest($1::uuid[]) AS a (id) WHERE NOT EXISTS (SELECT FROM builds b WHERE b.id = a.id)`,
    [ids],
  );
  return rows.map(({ id }) => `lost: build ${id} was acknowledged and has no row`);
}

/** What the triggers saw, what must be empty when nothing runs, and timelines with more than one end. */
export async function checkRows(world: ChaosWorld): Promise<string[]> {
  const rows = await world.database.query<{ what: string }>(`
    SELECT rule || ': ' || detail AS what FROM ${VIOLATIONS}
    UNION ALL
    SELECT 'drift: tenant ' || tenant_id || ' counts queued ' || queued || ', parked ' || parked || ', running ' || running
      FROM lanes WHERE queued <> 0 OR parked <> 0 OR running <> 0
    UNION ALL
    SELECT 'drift: project ' || p.name || ' counts running ' || j.running FROM project_lanes j JOIN projects p ON p.id = j.project_id
     WHERE j.running <> 0
    UNION ALL
    SELECT 'drift: provider ' || name || ' counts running ' || running FROM providers WHERE running <> 0
    UNION ALL
    SELECT 'terminal: build ' || build_id || ' ended ' || count(*) || ' times' FROM build_events
     WHERE subject = 'build' AND to_state IN ('completed', 'failed', 'cancelled') GROUP BY build_id HAVING count(*) > 1
    UNION ALL
    SELECT 'slot: execution ' || id || ' holds a slot after its end' FROM build_executions
     WHERE slot_held AND finished_at IS NOT NULL
    UNION ALL
    SELECT 'tag: latest names build ' || i.build_id || ', build ' || b.id || ' is newer' FROM image_tags i
      JOIN builds b ON b.ordinal > i.build_ordinal AND b.status = 'completed' AND 'latest' = ANY (b.tags)
     WHERE i.tag = 'latest'
    UNION ALL
    SELECT 'tag: ' || tag || ' is still ' || state FROM image_tags WHERE state <> 'promoted'`);
  const [latest] = await world.database.query<{ digest: string }>(`SELECT digest FROM image_tags WHERE tag = 'latest'`);
  const put = world.registry.digestOf(IMAGE_PATH, 'latest');
  const found = rows.map((row) => row.what);
  if (latest?.digest !== put) found.push(`tag: latest is ${put} in the registry, the database says ${latest?.digest}`);
  return found;
}
