import { EXECUTION_TRANSITIONS, sourcesOf, type EscalatedResource, type ExecutionState } from '@image-factory/domain';
import type { Statement } from '../database/transaction.js';
import { inList } from '../sql/in-list.js';
import { QUEUE_KEY_OF_BUILD } from '../queue/queue-key.js';

/*
 * SQL about placed executions. Every write runs behind LOCK_SHARDS and LOCK_ATTEMPTS in its transaction: lock order
 * shard → execution → build → lane → provider. $1 of a write is the execution, which is locked; its guard repeats the
 * transition table.
 */

function lockAttempts(name: string, locks: string): Statement {
  return {
    name,
    text: `
  SELECT e.id, e.build_id, e.tenant_id, e.attempt, e.state, e.provider_id, e.host, e.shard, e.pipeline_run_uid,
         e.stop_intent, e.outcome, e.waiting_reason, e.waiting_message, e.slot_held, e.image_digest, e.log_sealed_at,
         e.first_loss_at, e.finished_at, b.status AS build_status, b.build_method, b.image_repository, b.tags,
         b.ordinal AS build_ordinal, b.concurrency_key IS NOT NULL AS keyed, b.cancel_intent
    FROM build_executions e
    JOIN builds b ON b.id = e.build_id
   WHERE e.id = ANY ($1::uuid[])
   ORDER BY e.id
     FOR UPDATE OF ${locks}`,
  };
}

/** The executions of a batch. Index: primary keys. Locks: the executions, in the order of their ids. */
export const LOCK_ATTEMPTS = lockAttempts('lock_attempts', 'e');

/** The same with the builds, for what moves them. Locks: each execution, then its build, in the order of their ids. */
export const LOCK_ATTEMPTS_AND_BUILDS = lockAttempts('lock_attempts_and_builds', 'e, b');

/** `UPDATE … SET state` with its event: $1 execution, $2 from, $3 actor, $4 reason, $5 message, then `assignments`' own. */
function move(name: string, to: ExecutionState, assignments: string): Statement {
  return {
    name,
    text: `
  WITH moved AS (
    UPDATE build_executions e SET state = '${to}'${assignments}
     WHERE e.id = $1 AND e.state IN ${inList(sourcesOf(EXECUTION_TRANSITIONS, to))}
    RETURNING e.id, e.build_id, e.tenant_id, e.attempt
  )
  INSERT INTO build_events (build_id, tenant_id, execution_id, attempt, subject, from_state, to_state, reason, message, actor)
  SELECT build_id, tenant_id, id, attempt, 'execution', $2, '${to}', $4::text, $5::text, $3 FROM moved
  RETURNING execution_id`,
  };
}

const NOT_WAITING = ', waiting_reason = NULL, waiting_message = NULL';

export const MOVE_TO_STARTING = move(
  'move_to_starting',
  'starting',
  ', pipeline_run_uid = $6, created_at = coalesce(e.created_at, now()), create_unknown_since = NULL',
);

export const MOVE_TO_RUNNING = move(
  'move_to_running',
  'running',
  `, first_step_started_at = coalesce(e.first_step_started_at, $6), run_since = now()${NOT_WAITING}`,
);

export const MOVE_TO_SEALING = move(
  'move_to_sealing',
  'sealing',
  `, outcome = $6, reason = $4, message = $5, fault = $7, image_digest = $8, results = $9::jsonb, final_document = $10::jsonb,
     run_seconds = $11, run_since = NULL, start_seconds = $12, first_step_started_at = coalesce(e.first_step_started_at, $13),
     ended_at = $14, outcome_at = now(), create_unknown_since = NULL${NOT_WAITING}`,
);

export const MOVE_TO_PROMOTING = move(
  'move_to_promoting',
  'promoting',
  ', log_sealed_at = coalesce(e.log_sealed_at, now())',
);

/** Index: primary key. Locks: the build, locked already. */
export const BUILD_STARTED: Statement = {
  name: 'build_started',
  text: 'UPDATE builds SET started_at = coalesce(started_at, $2) WHERE id = $1',
};

/** The image that an attempt made, or the manifest of a method that makes none. Index: build_artifacts_of_build. */
export const ARTIFACT: Statement = {
  name: 'artifact',
  text: `
  INSERT INTO build_artifacts (id, build_id, execution_id, name, type, uri, digest)
  VALUES ($1, $2, $3, $4, $5, $6, $7)
      ON CONFLICT (build_id, execution_id, name) DO NOTHING`,
};

/**
 * The last create whose answer is unknown counts: until its deadline it may land. Index: primary key. Locks: nothing
 * new, as in all that follow up to FREE_SLOTS.
 */
export const CREATE_UNKNOWN: Statement = {
  name: 'create_unknown',
  text: `
  UPDATE build_executions SET create_unknown_since = now() WHERE id = $1`,
};

/** $6: what the run clock has counted when a wait begins or ends. It stands while the attempt waits (rule 17). */
export const SET_WAITING: Statement = {
  name: 'set_waiting',
  text: `
  WITH waiting AS (
    UPDATE build_executions
       SET waiting_reason = $2, waiting_message = $3, run_seconds = coalesce($6, run_seconds),
           run_since = CASE WHEN $2::text IS NULL AND state = 'running' THEN now() END
     WHERE id = $1
    RETURNING id, build_id, tenant_id, attempt
  )
  INSERT INTO build_events (build_id, tenant_id, execution_id, attempt, subject, from_state, to_state, reason, message, actor)
  SELECT build_id, tenant_id, id, attempt, 'waiting', $4::text, $2::text, $2::text, $3::text, $5
    FROM waiting WHERE $4::text IS DISTINCT FROM $2::text`,
};

export const SET_STOP_INTENT: Statement = {
  name: 'set_stop_intent',
  text: `
  UPDATE build_executions SET stop_intent = $2, stop_requested_at = now() WHERE id = $1 AND stop_intent IS NULL`,
};

export const SET_LOSS: Statement = {
  name: 'set_loss',
  text: `
  UPDATE build_executions SET first_loss_at = CASE WHEN $2::boolean THEN coalesce(first_loss_at, now()) END WHERE id = $1`,
};

export const SET_PODS_PRESUMED_OVER: Statement = {
  name: 'set_pods_presumed_over',
  text: `
  UPDATE build_executions SET pods_presumed_over = true WHERE id = $1`,
};

/** $1 executions. */
export const SET_CREDENTIALS_REMOVED: Statement = {
  name: 'set_credentials_removed',
  text: `
  UPDATE build_executions SET credentials_removed_at = coalesce(credentials_removed_at, now()) WHERE id = ANY ($1::uuid[])
  RETURNING id`,
};

export const SET_SEALED: Statement = {
  name: 'set_sealed',
  text: `
  UPDATE build_executions SET log_sealed_at = coalesce(log_sealed_at, now()), log_gap = coalesce(log_gap, $2) WHERE id = $1`,
};

/** $1 executions. */
export const SET_SWEPT: Statement = {
  name: 'set_swept',
  text: `
  UPDATE build_executions SET swept_at = coalesce(swept_at, now()) WHERE id = ANY ($1::uuid[]) AND finished_at IS NOT NULL
  RETURNING id`,
};

export const SET_PROMOTED: Statement = {
  name: 'set_promoted',
  text: `
  UPDATE build_executions SET promoted_at = coalesce(promoted_at, now()) WHERE id = $1`,
};

/**
 * Frees the lanes', the projects' and the providers' slots of the executions $1, once each: `slot_held` is the proof.
 * Index: primary keys. Locks: project lanes; executions, lanes and providers are locked already.
 */
export const FREE_SLOTS: Statement = {
  name: 'free_slots',
  text: `
  WITH freed AS (
    UPDATE build_executions SET slot_held = false, pods_over_at = coalesce(pods_over_at, now())
     WHERE id = ANY ($1::uuid[]) AND slot_held
    RETURNING id, tenant_id, build_id, provider_id, cpu_millis, memory_bytes
  ), lane AS (
    UPDATE lanes l
       SET running = l.running - n.freed, running_cpu = l.running_cpu - n.cpu, running_memory = l.running_memory - n.memory
      FROM (SELECT tenant_id, count(*)::integer AS freed, sum(cpu_millis)::bigint AS cpu, sum(memory_bytes)::bigint AS memory
              FROM freed GROUP BY tenant_id) n
     WHERE l.tenant_id = n.tenant_id
    RETURNING l.tenant_id, l.parked > 0 AS others_wait
  ), project AS (
    UPDATE project_lanes j SET running = j.running - n.freed
      FROM (SELECT b.project_id, count(*)::integer AS freed FROM freed JOIN builds b ON b.id = freed.build_id
             GROUP BY b.project_id) n
     WHERE j.project_id = n.project_id
  ), provider AS (
    UPDATE providers p SET running = p.running - n.freed
      FROM (SELECT provider_id, count(*)::integer AS freed FROM freed GROUP BY provider_id) n
     WHERE p.id = n.provider_id
  )
  SELECT freed.id, lane.others_wait FROM freed JOIN lane USING (tenant_id)`,
};

/**
 * The end of an attempt: execution, build, lane, provider, artifacts' build and timeline, together. $2 the state it
 * ends in, $3 reason, $4 message, $5 the state it was in; $6 the build's next status, $7 its reason, $8 its message,
 * $9 milliseconds of back-off (a requeued build only); $10, $11 the events' states; $13 to $17 why there is or is not
 * another attempt, and whether its provider is to be avoided. Index: primary keys.
 * Locks: execution and build are locked already; the lane, then project lane and provider.
 */
export const FINISH: Statement = {
  name: 'finish_attempt',
  text: `
  WITH held AS MATERIALIZED (
    SELECT slot_held, provider_id, cpu_millis, memory_bytes FROM build_executions WHERE id = $1
  ), ended AS (
    UPDATE build_executions e
       SET state = $2, reason = $3, message = $4, finished_at = now(), slot_held = false, waiting_reason = NULL,
           waiting_message = NULL, create_unknown_since = NULL, failure_class = $13, retry_decision = $14,
           retry_reason = $15, retry_message = $16, avoided = $17::boolean,
           next_attempt_at = CASE WHEN $14 = 'retry' THEN now() + coalesce($9::double precision, 0) * interval '1 millisecond' END,
           log_gap = CASE WHEN $2 = 'lost' THEN coalesce(e.log_gap, 'what was printed after the cluster was lost was not read') ELSE e.log_gap END,
           promoted_at = CASE WHEN $2 = 'succeeded' THEN coalesce(e.promoted_at, now()) ELSE e.promoted_at END
     WHERE e.id = $1 AND e.state = $5
    RETURNING e.id, e.build_id, e.tenant_id, e.attempt, e.image_digest, e.first_step_started_at, e.results
  ), prior AS (
    SELECT b.id, b.status FROM builds b JOIN ended ON ended.build_id = b.id
  ), build AS (
    UPDATE builds b
       SET status = $6,
           reason = CASE WHEN $6 = 'queued' THEN NULL ELSE $7 END,
           message = CASE WHEN $6 = 'queued' THEN NULL ELSE $8 END,
           started_at = coalesce(b.started_at, ended.first_step_started_at),
           finished_at = CASE WHEN $6 <> 'queued' THEN now() END,
           image_digest = CASE WHEN $6 = 'completed' THEN ended.image_digest END,
           git_commit = CASE WHEN $6 = 'completed' THEN coalesce(b.git_commit, ended.results ->> 'commit') ELSE b.git_commit END,
           queue_key = CASE WHEN $6 = 'queued' AND $9::double precision IS NULL THEN ${QUEUE_KEY_OF_BUILD} END,
           parked = CASE WHEN $6 = 'queued' AND $9::double precision IS NOT NULL THEN 'BackOff' END,
           parked_message = CASE WHEN $6 = 'queued' AND $9::double precision IS NOT NULL THEN $8 END,
           parked_wake_at = CASE WHEN $6 = 'queued' THEN now() + $9::double precision * interval '1 millisecond' END,
           queued_at = CASE WHEN $6 = 'queued' THEN now() ELSE b.queued_at END
      FROM ended
     WHERE b.id = ended.build_id AND b.status IN ('running', 'cancelling')
    RETURNING b.id, b.tenant_id, b.project_id, b.concurrency_key, b.queue_key, b.parked
  ), lane AS (
    UPDATE lanes l
       SET running = l.running - held.slot_held::integer,
           running_cpu = l.running_cpu - held.slot_held::integer * held.cpu_millis,
           running_memory = l.running_memory - held.slot_held::integer * held.memory_bytes,
           queued = l.queued + (build.queue_key IS NOT NULL)::integer,
           parked = l.parked + (build.parked IS NOT NULL)::integer
      FROM build, held
     WHERE l.tenant_id = build.tenant_id AND (held.slot_held OR build.queue_key IS NOT NULL OR build.parked IS NOT NULL)
    RETURNING held.slot_held, held.provider_id, build.project_id, l.parked
  ), project AS (
    UPDATE project_lanes j SET running = j.running - 1 FROM lane WHERE lane.slot_held AND j.project_id = lane.project_id
  ), provider AS (
    UPDATE providers p SET running = p.running - 1 FROM lane WHERE lane.slot_held AND p.id = lane.provider_id
  ), event AS (
    INSERT INTO build_events (build_id, tenant_id, execution_id, attempt, subject, from_state, to_state, reason, message, actor)
    SELECT ended.build_id, ended.tenant_id, ended.id, ended.attempt, v.subject, v.from_state, v.to_state, v.reason, v.message, $12
      FROM ended
      JOIN prior ON prior.id = ended.build_id
     CROSS JOIN LATERAL (
       SELECT 'execution' AS subject, f AS from_state, t AS to_state, $3::text AS reason, $4::text AS message
         FROM unnest($10::text[], $11::text[]) AS edge (f, t)
       UNION ALL
       SELECT 'build', prior.status, $6::text, $7::text, $8::text) v
  )
  SELECT build.tenant_id, held.slot_held, build.concurrency_key IS NOT NULL AS keyed,
         coalesce((SELECT lane.slot_held AND lane.parked > 0 FROM lane), false) AS others_wait
    FROM build, held`,
};

/** More of what ran out for the next attempt: $2 request, $3 limit. Index: primary key. Locks: the build, locked already. */
export const GIVE_MORE: Readonly<Record<EscalatedResource, string>> = {
  memory: `
  UPDATE builds SET memory_bytes = $2, memory_limit_bytes = $3 WHERE id = $1 AND status = 'queued'`,
  ephemeral_storage: `
  UPDATE builds SET ephemeral_storage_bytes = $2, ephemeral_storage_limit_bytes = $3
   WHERE id = $1 AND status = 'queued'`,
  workspace_size: `
  UPDATE builds SET workspace_bytes = greatest($2, $3::bigint) WHERE id = $1 AND status = 'queued'`,
};

/** Where an attempt that failed was, for the next one. Index: primary key. Locks: the execution, locked already. */
export const SET_NODE = 'UPDATE build_executions SET node_name = $2 WHERE id = $1';

/** Tags that a batch touches: $1 repositories, $2 tags. Index: primary key of image_tags. Locks: the tags' rows, in their order. */
export const LOCK_TAGS: Statement = {
  name: 'lock_tags',
  text: `
  SELECT 1
    FROM unnest($1::text[], $2::text[]) AS a (repository, tag)
    JOIN image_tags t ON t.repository = a.repository AND t.tag = a.tag
   ORDER BY t.repository, t.tag
     FOR UPDATE OF t`,
};

/**
 * Order of promotion: one row per tag, the newer build's row wins. $1 repositories, $2 tags, $3 builds, $4 their
 * ordinals, $5 digests; no tag twice. A row that is still `promoting` is an earlier version's and wins nothing: nobody
 * withdrew it when its build failed. Index: primary key of image_tags. Locks: new rows in their order; those that are
 * there are locked already.
 */
export const PROMOTE_TAGS: Statement = {
  name: 'promote_tags',
  text: `
  INSERT INTO image_tags AS t (repository, tag, build_id, build_ordinal, digest, state)
  SELECT repository, tag, build_id, build_ordinal, digest, 'promoted'
    FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[], $5::text[])
      AS a (repository, tag, build_id, build_ordinal, digest)
   ORDER BY repository, tag
      ON CONFLICT (repository, tag) DO UPDATE
     SET build_id = excluded.build_id, build_ordinal = excluded.build_ordinal, digest = excluded.digest,
         state = 'promoted', updated_at = now()
   WHERE t.build_ordinal <= excluded.build_ordinal OR t.state = 'promoting'
  RETURNING build_id, tag`,
};

/** Who won the tags $2 of the repository $1. Index: primary key of image_tags. Locks nothing. */
export const FIND_TAGS: Statement = {
  name: 'find_tags',
  text: `
  SELECT tag, build_id, build_ordinal, digest
    FROM image_tags
   WHERE repository = $1 AND tag = ANY ($2::text[]) AND state = 'promoted'`,
};

/** A build that fails owns no tag. Index: primary key of image_tags. Locks: nothing new. */
export const WITHDRAW_TAGS: Statement = {
  name: 'withdraw_tags',
  text: `
  DELETE FROM image_tags WHERE repository = $1 AND tag = ANY ($2::text[]) AND build_id = $3`,
};

/**
 * What is on the shards of the dispatcher $1, against what it knows ($2 to $4: id, state, status of the build): only what
 * differs, because there are thousands that do not. A row of $2 that is not there has nothing but its id.
 * Index: cluster_shards_owner, then build_executions_shard. Locks nothing.
 */
export const COMPARE_OWNED: Statement = {
  name: 'compare_owned',
  text: `
  SELECT coalesce(o.id, k.id) AS id, o.build_id, o.provider_id, o.state, o.status
    FROM (SELECT e.id, e.build_id, e.provider_id, e.state, b.status
            FROM cluster_shards s
            JOIN build_executions e ON e.provider_id = s.provider_id AND e.host = s.host AND e.shard = s.shard
             AND e.swept_at IS NULL
            JOIN builds b ON b.id = e.build_id
           WHERE s.owner = $1) o
    FULL JOIN unnest($2::uuid[], $3::text[], $4::text[]) AS k (id, state, status) ON k.id = o.id
   WHERE o.id IS NULL OR k.id IS NULL OR o.state <> k.state OR o.status <> k.status`,
};
