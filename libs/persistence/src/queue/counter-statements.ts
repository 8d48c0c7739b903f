/* SQL that compares the counters of lanes and providers with what they count, and the limits of lanes with those of their owners. */

/**
 * Lanes whose counters are not what their builds and executions say, or whose limits are not their tenant's, in one
 * snapshot, which is exact because both move in one transaction. Indexes: builds_claim, builds_parked_time,
 * build_executions_live. Locks nothing.
 */
export const LANE_DRIFT = `
  SELECT l.tenant_id, l.queued, l.parked, l.running, l.running_cpu, l.running_memory,
         coalesce(q.n, 0) AS actual_queued, coalesce(p.n, 0) AS actual_parked, coalesce(r.n, 0) AS actual_running,
         coalesce(r.cpu, 0) AS actual_cpu, coalesce(r.memory, 0) AS actual_memory,
         l.max_running, l.guaranteed, l.weight, t.max_concurrent_builds, t.guaranteed_builds, t.weight AS actual_weight
    FROM lanes l
    JOIN tenants t ON t.id = l.tenant_id
    LEFT JOIN (SELECT tenant_id, count(*)::integer AS n FROM builds WHERE queue_key IS NOT NULL GROUP BY tenant_id) q
      USING (tenant_id)
    LEFT JOIN (SELECT tenant_id, count(*)::integer AS n FROM builds WHERE parked IS NOT NULL GROUP BY tenant_id) p
      USING (tenant_id)
    LEFT JOIN (SELECT tenant_id, count(*)::integer AS n, sum(cpu_millis)::bigint AS cpu,
                      sum(memory_bytes)::bigint AS memory
                 FROM build_executions
                WHERE slot_held AND finished_at IS NULL
                GROUP BY tenant_id) r
      USING (tenant_id)
   WHERE (l.queued, l.parked, l.running, l.running_cpu, l.running_memory, l.max_running, l.guaranteed, l.weight)
         IS DISTINCT FROM (coalesce(q.n, 0), coalesce(p.n, 0), coalesce(r.n, 0), coalesce(r.cpu, 0), coalesce(r.memory, 0),
                           t.max_concurrent_builds, t.guaranteed_builds, t.weight)
     AND ($1::uuid[] IS NULL OR l.tenant_id = ANY ($1::uuid[]))`;

/** Index: primary key. Locks: nothing new; the lane is locked already. */
export const LANE_CORRECT = `
  UPDATE lanes
     SET queued = $2, parked = $3, running = $4, running_cpu = $5, running_memory = $6,
         max_running = $7, guaranteed = $8, weight = $9
   WHERE tenant_id = $1`;

/** The same for projects with a limit. Indexes: build_executions_live, builds' key. Locks nothing. */
export const PROJECT_DRIFT = `
  SELECT j.project_id, j.tenant_id, j.running, coalesce(r.n, 0) AS actual_running, j.max_running,
         coalesce(o.max_concurrent_builds, j.max_running) AS actual_max_running
    FROM project_lanes j
    JOIN projects o ON o.id = j.project_id
    LEFT JOIN (SELECT b.project_id, count(*)::integer AS n
                 FROM build_executions e JOIN builds b ON b.id = e.build_id
                WHERE e.slot_held AND e.finished_at IS NULL
                GROUP BY b.project_id) r USING (project_id)
   WHERE (j.running <> coalesce(r.n, 0) OR j.max_running <> o.max_concurrent_builds)
     AND ($1::uuid IS NULL OR j.project_id = $1)`;

/** Index: primary key. Locks: the project lane; its lane is locked already. */
export const PROJECT_CORRECT = 'UPDATE project_lanes SET running = $2, max_running = $3 WHERE project_id = $1';

/** The same for providers' counts. Index: build_executions_live. Locks nothing. */
export const PROVIDER_DRIFT = `
  SELECT p.id AS provider_id, p.running, coalesce(r.n, 0) AS actual_running
    FROM providers p
    LEFT JOIN (SELECT provider_id, count(*)::integer AS n FROM build_executions
                WHERE slot_held AND provider_id IS NOT NULL
                  AND finished_at IS NULL
                GROUP BY provider_id) r ON r.provider_id = p.id
   WHERE p.running <> coalesce(r.n, 0) AND ($1::uuid IS NULL OR p.id = $1)`;

/** Index: primary key. Locks: the provider. */
export const LOCK_PROVIDER_COUNT = 'SELECT 1 FROM providers WHERE id = $1 FOR NO KEY UPDATE';

/** Index: primary key. Locks: nothing new. */
export const PROVIDER_CORRECT = 'UPDATE providers SET running = $2 WHERE id = $1';
