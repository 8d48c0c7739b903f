import type { Statement } from '../database/transaction.js';

/*
 * SQL about builds that wait for room in their project or for the end of another of their key. They are parked by the
 * claim that meets them and woken, under the lane's lock, by whatever frees what they wait for.
 */

/** The oldest `limit` builds that wait for an event of one tenant, by their order. Index: builds_parked_event. */
const waiting = (wakeOn: string, limit: string): string => `
     SELECT w.id, w.tenant_id FROM builds w
      WHERE w.parked IS NOT NULL AND w.parked_wake_on = ${wakeOn} ORDER BY w.tenant_id, w.parked_order LIMIT ${limit}`;

/**
 * Who may start now that something of the builds $1 has ended, was given back or was taken out of the order: as many of
 * their projects as there is room for, and one of each key that is free. Read after their lanes were locked. Indexes:
 * primary keys, builds_parked_event, build_executions_key. Locks nothing.
 */
export const FIND_UNBLOCKED: Statement = {
  name: 'find_unblocked',
  text: `
  SELECT n.id, n.tenant_id
    FROM (SELECT DISTINCT project_id FROM builds WHERE id = ANY ($1::uuid[])) f
    JOIN project_lanes j ON j.project_id = f.project_id
   CROSS JOIN LATERAL (${waiting(`'project:' || f.project_id`, 'greatest(0, j.max_running - j.running)')}) n
  UNION
  SELECT n.id, n.tenant_id
    FROM (SELECT DISTINCT project_id || ':' || concurrency_key AS held FROM builds
           WHERE id = ANY ($1::uuid[]) AND concurrency_key IS NOT NULL) f
   CROSS JOIN LATERAL (${waiting(`'key:' || f.held`, '1')}) n
   WHERE NOT EXISTS (
     SELECT 1 FROM build_executions e WHERE e.concurrency_group = f.held AND e.finished_at IS NULL)`,
};

/** Who may start in a project whose limit has changed; at most $2. Index: builds_parked_event. Locks nothing. */
export const FIND_UNBLOCKED_OF_PROJECT = `
  SELECT n.id, n.tenant_id
    FROM (SELECT coalesce((SELECT max_running - running FROM project_lanes WHERE project_id = $1), $2::integer) AS room) f
   CROSS JOIN LATERAL (${waiting(`'project:' || $1::text`, 'greatest(0, least(f.room, $2::integer))')}) n`;

/**
 * Builds that wait for what is free: something that frees did not wake them. A wake-up too many costs one look of a
 * claim. Of a project without a limit the oldest thousand, each time. Scans the projects, their lanes and the
 * parked builds of keys. Locks nothing.
 */
export const FIND_STRANDED = `
  SELECT n.id, n.tenant_id
    FROM project_lanes j
   CROSS JOIN LATERAL (${waiting(`'project:' || j.project_id`, 'greatest(0, j.max_running - j.running)')}) n
   WHERE j.running < j.max_running
  UNION
  SELECT n.id, n.tenant_id
    FROM projects p
   CROSS JOIN LATERAL (${waiting(`'project:' || p.id`, '1000')}) n
   WHERE NOT EXISTS (SELECT 1 FROM project_lanes j WHERE j.project_id = p.id)
  UNION
  SELECT k.id, k.tenant_id
    FROM (SELECT DISTINCT ON (parked_wake_on) id, tenant_id, parked_wake_on FROM builds
           WHERE parked IS NOT NULL AND parked_wake_on LIKE 'key:%' ORDER BY parked_wake_on, tenant_id, parked_order) k
   WHERE NOT EXISTS (
     SELECT 1 FROM build_executions e
      WHERE e.concurrency_group = substr(k.parked_wake_on, 5) AND e.finished_at IS NULL)`;

/**
 * The counter of a project with a limit, counted afresh. Under the tenant's lane, which every change of it holds.
 * Indexes: build_executions_live, builds' key. Locks: the project lane.
 */
export const SYNC_PROJECT_LANE = `
  INSERT INTO project_lanes (project_id, tenant_id, max_running, running)
  SELECT $1, $2, $3,
         (SELECT count(*)::integer FROM build_executions e JOIN builds b ON b.id = e.build_id
           WHERE e.slot_held AND e.finished_at IS NULL AND e.tenant_id = $2 AND b.project_id = $1)
      ON CONFLICT (project_id) DO UPDATE SET max_running = excluded.max_running`;

/** Index: primary key. Locks: the project lane. */
export const DROP_PROJECT_LANE = 'DELETE FROM project_lanes WHERE project_id = $1';

/** Whether a build of the key is queued or runs. Index: builds_live_key. Locks nothing: the project's row is ours. */
export const FIND_KEY_HOLDER = `
  SELECT id, build_number, status FROM builds
   WHERE project_id = $1 AND live_key = $2 AND status IN ('queued', 'running') ORDER BY ordinal LIMIT 1`;

/**
 * Running builds of the key with their attempts. Indexes: builds_live_key, build_executions_live.
 * Locks: the executions, then the builds.
 */
export const LOCK_KEY_RUNNING = `
  SELECT e.id AS execution_id, b.id AS build_id, b.status
    FROM builds b
    JOIN build_executions e ON e.build_id = b.id AND e.finished_at IS NULL
   WHERE b.project_id = $1 AND b.live_key = $2 AND b.status = 'running'
   ORDER BY e.id
     FOR UPDATE OF e, b`;

/** Queued builds of the key, and those that run: read under the lane. Index: builds_live_key. Locks nothing. */
export const FIND_KEY_BUILDS = `
  SELECT id, tenant_id, status FROM builds
   WHERE project_id = $1 AND live_key = $2 AND status IN ('queued', 'running')`;
