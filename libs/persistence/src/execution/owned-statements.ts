import type { Statement } from '../database/transaction.js';

/*
 * What the owner of a shard reads of its executions, at every look. Not `e.*`: the final document is as large as all the
 * rest, and nobody who looks needs it. Each table is read by key, as `OFFSET 0` has it: these plans are kept, and may
 * have been made when there was nothing to read.
 */

const COLUMNS = `
         e.id, e.build_id, e.tenant_id, e.attempt, e.state, e.provider_id, e.provider_generation, e.host, e.shard,
         e.cluster_uid, e.namespace, e.namespace_uid, e.pipeline_run_name, e.pipeline_run_uid, e.document_hash,
         e.create_unknown_since, e.waiting_reason, e.waiting_message, e.stop_intent, e.stop_requested_at, e.outcome,
         e.reason, e.message, e.fault, e.image_digest, e.claimed_at, e.placed_at, e.created_at, e.first_step_started_at,
         e.run_seconds, e.run_since, e.start_seconds, e.ended_at, e.outcome_at, e.slot_held, e.pods_over_at,
         e.credentials_removed_at, e.log_sealed_at, e.log_day, e.promoted_at, e.finished_at, e.first_loss_at,
         e.pods_presumed_over,
         s.token, b.status AS build_status, b.build_method, b.infrastructure_type, b.build_number, b.project_id,
         b.build_timeout_minutes, b.start_limit_minutes, b.image_repository, b.tags,
         b.ordinal AS build_ordinal, b.traceparent, b.created_at AS submitted_at,
         to_jsonb(g) - 'build_id' - 'build_method' AS config,
         c.git_repository_url, c.registry_auth_id, c.repository_auth_id, i.id AS installation_id,
         clock_timestamp() AS read_at`;

const OF_BUILD = `
   CROSS JOIN LATERAL (SELECT * FROM builds WHERE id = e.build_id OFFSET 0) b
   CROSS JOIN LATERAL (SELECT * FROM build_configs WHERE build_id = e.build_id OFFSET 0) g
   CROSS JOIN LATERAL (SELECT * FROM build_specs WHERE build_id = e.build_id OFFSET 0) c
   CROSS JOIN installation i`;

/**
 * Some of the dispatcher $1's, for looking at them again; $3: with its document, or without, for who has it already. From the
 * owner's shards a plan would go through all that is on them, at every look. Index: primary keys. Locks nothing.
 */
export const FIND_OWNED_BY_ID: Statement = {
  name: 'find_owned_by_id',
  text: `
  SELECT ${COLUMNS}, CASE WHEN k.whole THEN e.document END AS document
    FROM unnest($2::uuid[], $3::boolean[]) AS k (id, whole)
   CROSS JOIN LATERAL (SELECT * FROM build_executions WHERE id = k.id AND swept_at IS NULL OFFSET 0) e
   CROSS JOIN LATERAL (SELECT token, owner FROM cluster_shards WHERE provider_id = e.provider_id AND host = e.host
                          AND shard = e.shard OFFSET 0) s ${OF_BUILD}
   WHERE s.owner = $1`,
};
