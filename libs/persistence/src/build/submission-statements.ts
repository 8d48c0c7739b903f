import type { Statement } from '../database/transaction.js';
import { queueKeyNow } from '../queue/queue-key.js';
import { DEFAULT_TAG_PREFIX } from './new-build.js';

/** Index: primary key. Locks: the project, until the submission of a keyed build is committed. */
export const LOCK_PROJECT: Statement = {
  name: 'lock_project',
  text: `
  SELECT next_build_number AS build_number FROM projects
   WHERE id = $1 AND tenant_id = $2 AND deleted_at IS NULL
     FOR NO KEY UPDATE`,
};

/** Index: primary key. Locks: the credential, KEY SHARE. */
export const HOLD_REGISTRY_AUTH: Statement = {
  name: 'hold_registry_auth',
  text: 'SELECT 1 FROM registry_auths WHERE id = $1 FOR KEY SHARE',
};

/** Index: primary key. Locks: the credential, KEY SHARE. */
export const HOLD_REPOSITORY_AUTH: Statement = {
  name: 'hold_repository_auth',
  text: 'SELECT 1 FROM repository_auths WHERE id = $1 FOR KEY SHARE',
};

/**
 * A whole submission: the project's next number, the build (parked until $5 when that is in the future), its
 * configuration, its place in the lane unless that has $39 builds already, and the first line of its timeline. No row: no
 * such project. `counted` is false when the lane is full, or is not there yet. Index: primary keys.
 * Locks: the project, then the lane; both rows are read under their locks.
 */
export const SUBMIT: Statement = {
  name: 'submit_build',
  text: `
  WITH number AS (
    UPDATE projects SET next_build_number = next_build_number + 1
     WHERE id = $3::uuid AND tenant_id = $2::uuid AND deleted_at IS NULL
    RETURNING next_build_number - 1 AS build_number, $5::timestamptz > now() AS later
  ), build AS (
    INSERT INTO builds (id, tenant_id, project_id, build_number, status, queue_key, parked, parked_message, parked_wake_at,
      build_method, infrastructure_type, requested_provider_id, priority, not_before, build_timeout_minutes,
      queue_timeout_minutes, start_limit_minutes, git_branch, git_commit, tags, image_repository, retry_of, traceparent,
      created_by, cpu_millis, memory_bytes, cpu_limit_millis, memory_limit_bytes, concurrency_key, concurrency_policy,
      ephemeral_storage_bytes, ephemeral_storage_limit_bytes, workspace_bytes, queued_at)
    SELECT $1::uuid, $2, $3, build_number, 'queued', CASE WHEN later THEN NULL ELSE ${queueKeyNow('$4')} END,
           CASE WHEN later THEN 'NotBefore' END, CASE WHEN later THEN $6::text END, CASE WHEN later THEN $5 END,
           $7::text, $8::text, $9::uuid, $4, $5, $10::integer, $11::integer, $12::integer, $13::text, $14::text,
           CASE WHEN cardinality($15::text[]) = 0 AND $16::text IS NOT NULL
                THEN ARRAY['${DEFAULT_TAG_PREFIX}' || build_number] ELSE $15 END,
           $16, $17::uuid, $18::text, $19::text, $20::integer, $21::bigint, $22::integer, $23::bigint, $24::text, $25::text,
           $40::bigint, $41::bigint, $42::bigint, CASE WHEN later THEN $5 ELSE now() END
      FROM number
    RETURNING id, tenant_id, parked
  ), config AS (
    INSERT INTO build_configs (build_id, build_method, dockerfile_path, build_context, target, build_args, platforms,
      cache_repo, metadata, packer_template, variables)
    SELECT id, $7, $26::text, $27::text, $28::text, $29::jsonb, $30::text[], $31::text, $32::jsonb, $33::text, $34::jsonb
      FROM build
  ), spec AS (
    INSERT INTO build_specs (build_id, request, git_repository_url, registry_auth_id, repository_auth_id)
    SELECT id, $35::jsonb, $36::text, $37::uuid, $38::uuid FROM build
  ), event AS (
    INSERT INTO build_events (build_id, tenant_id, subject, to_state, reason, actor)
    SELECT id, tenant_id, 'build', 'queued', parked, $19 FROM build
  ), lane AS (
    UPDATE lanes l
       SET queued = l.queued + (b.parked IS NULL)::integer, parked = l.parked + (b.parked IS NOT NULL)::integer
      FROM build b
     WHERE l.tenant_id = b.tenant_id AND l.queued + l.parked < $39::integer
    RETURNING l.tenant_id
  )
  SELECT EXISTS (SELECT 1 FROM lane) AS counted FROM number`,
};
