import { CLOCK_DEFAULTS } from '@image-factory/domain';
import { hasLease } from '../lease/judged-time.js';

/* Each statement gives the number of what breaks one invariant and some of it. They read, in a snapshot each, and lock nothing. */

/** Examples that one answer names. */
const NAMED = 20;
/** What is on its way from one owner to the next is not stranded yet. */
const STRANDED_AFTER = `interval '1 minute'`;
const OWNED_LATELY = hasLease('d', 'now()', `now() - ${STRANDED_AFTER}`);
/** A minute past the longest seal limit that a live dispatcher goes by. */
const UNSEALED_AFTER = `make_interval(secs => 60 + coalesce(
  (SELECT max((d.metrics ->> 'seal_limit_seconds')::float8) FROM dispatchers d WHERE ${hasLease('d', 'now()')}),
  ${CLOCK_DEFAULTS.sealLimitSeconds}))`;

/** Smallest UUIDv7 of a build that is looked at: older ones than 25 hours are not, so that the scan is bounded. */
const SCAN_FLOOR = `(lpad(to_hex((extract(epoch FROM now() - interval '25 hours') * 1000)::bigint), 12, '0')
  || '70008000000000000000')::uuid`;

function counted(found: string): string {
  return `SELECT count(*)::int AS count, coalesce((array_agg(found.what ORDER BY found.what))[1:${NAMED}], '{}') AS examples
            FROM (${found}) AS found`;
}

/** What the sweepers of live dispatchers wrote with their heartbeat. Index: dispatchers has a handful of rows. */
export const ORPHANS = `
  SELECT coalesce(sum((d.metrics ->> 'orphans')::int), 0)::int AS count,
         coalesce((SELECT (array_agg(object ORDER BY object))[1:${NAMED}] FROM dispatchers n
                     CROSS JOIN LATERAL jsonb_array_elements_text(coalesce(n.metrics -> 'orphan_objects', '[]')) AS object
                    WHERE ${hasLease('n', 'now()')}), '{}') AS examples
    FROM dispatchers d WHERE ${hasLease('d', 'now()')}`;

/**
 * Executions whose owner, or whose shard's owner, is gone for longer than a takeover lasts (indexes:
 * build_executions_placing, build_executions_live, cluster_shards' key), and builds that run without an execution (index:
 * builds_list).
 */
export const STRANDED = counted(`
  SELECT 'execution ' || e.id || ' is placed by a dispatcher that is gone' AS what FROM build_executions e
   WHERE e.provider_id IS NULL AND e.finished_at IS NULL AND e.claimed_at < now() - ${STRANDED_AFTER}
     AND NOT EXISTS (SELECT 1 FROM dispatchers d WHERE d.id = e.owner AND ${OWNED_LATELY})
  UNION ALL
  SELECT 'execution ' || e.id || ' (' || e.state || ') is on a shard that nobody owns' FROM build_executions e
   WHERE e.finished_at IS NULL AND e.provider_id IS NOT NULL AND e.placed_at < now() - ${STRANDED_AFTER}
     AND NOT EXISTS (SELECT 1 FROM cluster_shards s LEFT JOIN dispatchers d ON d.id = s.owner
                      WHERE s.provider_id = e.provider_id AND s.host = e.host AND s.shard = e.shard
                        AND (${OWNED_LATELY} OR (s.owner IS NULL AND s.freed_at > now() - ${STRANDED_AFTER})))
  UNION ALL
  SELECT 'build ' || b.id || ' is ' || b.status || ' without an execution' FROM lanes l
    JOIN builds b ON b.tenant_id = l.tenant_id AND b.id >= ${SCAN_FLOOR} AND b.status IN ('running', 'cancelling')
   WHERE NOT EXISTS (SELECT 1 FROM build_executions e WHERE e.build_id = b.id AND e.finished_at IS NULL)`);

/** Builds with more than one live execution. Index: build_executions_live, which forbids it. */
export const DUPLICATES = counted(`
  SELECT 'build ' || build_id || ' has ' || count(*) || ' live executions' AS what FROM build_executions
   WHERE finished_at IS NULL GROUP BY build_id HAVING count(*) > 1`);

/**
 * Attempts whose log is neither sealed nor marked with a gap in its time, or whose Secret does not go although their
 * cluster is in sight. Index: build_executions_live; dispatchers has a handful of rows.
 */
export const UNSEALED = counted(`
  SELECT 'execution ' || id || CASE WHEN credentials_removed_at IS NULL THEN ' still has its Secret, and' ELSE '' END
         || ' has its outcome since ' || outcome_at AS what
    FROM build_executions
   WHERE finished_at IS NULL AND outcome_at < now() - ${UNSEALED_AFTER}
     AND (state = 'sealing' AND log_sealed_at IS NULL OR credentials_removed_at IS NULL AND first_loss_at IS NULL)`);

/** Providers whose cluster knows another installation, as live dispatchers have met it. */
export const FOREIGN = counted(`
  SELECT DISTINCT 'provider ' || coalesce(p.name, met.provider_id) AS what FROM dispatchers d
   CROSS JOIN LATERAL jsonb_array_elements_text(coalesce(d.metrics -> 'foreign_providers', '[]')) AS met (provider_id)
    LEFT JOIN providers p ON p.id::text = met.provider_id
   WHERE ${hasLease('d', 'now()')}`);
