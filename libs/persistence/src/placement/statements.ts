import type { Statement } from '../database/transaction.js';
import { hasLease } from '../lease/judged-time.js';

/*
 * SQL about what recent attempts say of their providers. Execution ids are UUIDs of version 7, so the latest ones are a
 * range at the end of the primary key: no index is kept for it, and no claim or completion pays for it.
 */

/** The smallest execution id of $1 milliseconds ago, by the database's clock. */
const SINCE = `(lpad(to_hex((extract(epoch FROM now()) * 1000 - $1::bigint)::bigint), 12, '0') || '70008000000000000000')::uuid`;

/**
 * Ends of the latest attempts ($2 at most), by provider. An attempt that was moved by a drain says nothing of its
 * cluster. Index: primary key, backwards over its end. Locks nothing.
 */
export const RECENT_ENDS: Statement = {
  name: 'placement_recent_ends',
  text: `
  SELECT provider_id, count(*)::integer AS ended,
         (count(*) FILTER (WHERE failure_class IN ('disruption', 'cluster', 'platform', 'unknown')
                             AND reason IS DISTINCT FROM 'Drain'))::integer AS failed,
         (avg(start_seconds) FILTER (WHERE first_step_started_at IS NOT NULL))::double precision AS start_seconds
    FROM (SELECT provider_id, failure_class, reason, start_seconds, first_step_started_at, finished_at
            FROM build_executions WHERE id >= ${SINCE} ORDER BY id DESC LIMIT $2) latest
   WHERE provider_id IS NOT NULL AND finished_at IS NOT NULL
   GROUP BY provider_id`,
};

/**
 * Registries that builds on one provider fail to reach while a build on another one has: at least $3 builds met the
 * registry's trouble there (the reasons $4 tell of other hosts) and none succeeded. Index: primary key, backwards over its
 * end; builds by key for those that failed so. Locks nothing.
 */
export const UNREACHED_REGISTRIES: Statement = {
  name: 'placement_unreached_registries',
  text: `
  WITH latest AS MATERIALIZED (
    SELECT provider_id, build_id, state, failure_class, reason
      FROM build_executions WHERE id >= ${SINCE} ORDER BY id DESC LIMIT $2
  ), failing AS MATERIALIZED (
    SELECT l.provider_id, split_part(b.image_repository, '/', 1) AS registry
      FROM latest l JOIN builds b ON b.id = l.build_id
     WHERE l.failure_class = 'registry' AND l.reason <> ALL ($4::text[])
       AND l.provider_id IS NOT NULL AND b.image_repository IS NOT NULL
     GROUP BY 1, 2 HAVING count(DISTINCT l.build_id) >= $3
  ), reached AS MATERIALIZED (
    SELECT DISTINCT l.provider_id, split_part(b.image_repository, '/', 1) AS registry
      FROM latest l JOIN builds b ON b.id = l.build_id
     WHERE EXISTS (SELECT 1 FROM failing) AND l.state = 'succeeded'
       AND split_part(b.image_repository, '/', 1) IN (SELECT registry FROM failing)
  )
  SELECT f.provider_id, f.registry
    FROM failing f
   WHERE NOT EXISTS (SELECT 1 FROM reached r WHERE r.provider_id = f.provider_id AND r.registry = f.registry)
     AND EXISTS (SELECT 1 FROM reached r WHERE r.registry = f.registry)`,
};

/** Providers to which every living dispatcher sends nothing at present, as their heartbeats say. A scan of a handful. */
export const OPEN_FOR_ALL: Statement = {
  name: 'placement_open_for_all',
  text: `
  WITH live AS MATERIALIZED (
    SELECT metrics -> 'open_breakers' AS open FROM dispatchers d WHERE state = 'running' AND ${hasLease('d')}
  )
  SELECT open.id FROM live CROSS JOIN LATERAL jsonb_array_elements_text(live.open) AS open(id)
   GROUP BY open.id HAVING count(*) = (SELECT count(*) FROM live)`,
};

/** What runs, by provider and tenant. Index: build_executions_shard (all that is not swept). Locks nothing. */
export const RUNNING_BY_TENANT: Statement = {
  name: 'placement_running_by_tenant',
  text: `
  SELECT provider_id, tenant_id, count(*)::integer AS running
    FROM build_executions
   WHERE provider_id IS NOT NULL AND swept_at IS NULL AND slot_held
   GROUP BY provider_id, tenant_id`,
};
