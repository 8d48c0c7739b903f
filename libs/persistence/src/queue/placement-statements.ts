import { BUILD_TRANSITIONS, EXECUTION_TRANSITIONS, sourcesOf } from '@image-factory/domain';
import type { Statement } from '../database/transaction.js';
import { hasLease, isJudgedTime } from '../lease/judged-time.js';
import { IS_TRUSTED } from '../lease/trust-statements.js';
import { inList } from '../sql/in-list.js';
import { DEFAULT_CPU, DEFAULT_MEMORY } from './default-resources.js';
import { QUEUE_KEY_OF_BUILD, QUEUED_FOR } from './queue-key.js';

/* SQL about claimed executions: place them, take them back, cancel their builds. Lock order as in statements.ts. */

/**
 * Claimed executions with their builds, to be placed or taken back. By id alone: whose they are is compared afterwards, so that no plan walks all
 * claims of one owner instead. Index: primary keys. Locks: the executions in the order of their ids, each with its build.
 */
export const LOCK_CLAIMS: Statement = {
  name: 'lock_claims',
  text: `
  SELECT e.id, e.build_id, e.tenant_id, e.attempt, e.owner, e.claim_token, e.state, e.reason, e.provider_id, e.shard,
         b.status, b.build_method, b.infrastructure_type, b.requested_provider_id
    FROM build_executions e
    JOIN builds b ON b.id = e.build_id
   WHERE e.id = ANY ($1::uuid[])
   ORDER BY e.id
     FOR UPDATE OF e, b`,
};

/**
 * The providers as they are now, and nobody changes their state, limit or count until we commit. Index: primary key.
 * Locks: the providers in the order of their ids, FOR NO KEY UPDATE so that foreign keys to them need not wait.
 */
export const LOCK_PLACES: Statement = {
  name: 'lock_places',
  text: `
  SELECT p.id, p.name, p.provider_type, p.source, p.is_global, p.is_default, p.state, p.generation, p.settings,
         p.allow_privileged, p.max_concurrent_builds, p.running, p.unswept, p.sweep_behind, p.health, p.tekton_answers,
         p.watch_fresh, ${IS_TRUSTED} AS trusted
    FROM providers p
   WHERE p.id = ANY ($1::uuid[])
   ORDER BY p.id
     FOR NO KEY UPDATE`,
};

/** Grants of the providers $1 to the tenants $2. Index: primary key. Locks nothing. */
export const FIND_GRANTS: Statement = {
  name: 'find_grants',
  text: `
  SELECT provider_id, tenant_id FROM provider_permissions
   WHERE provider_id = ANY ($1::uuid[]) AND tenant_id = ANY ($2::uuid[]) AND (expires_at IS NULL OR expires_at > now())`,
};

/** Providers whose counters change. Index: primary key. Locks: the providers, in the order of their ids. */
export const LOCK_PROVIDERS: Statement = {
  name: 'lock_providers',
  text: 'SELECT id FROM providers WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE',
};

/**
 * Reserves the providers' slots and commits the placements; each parameter has one value for each. Index: primary keys.
 * Locks: nothing new; executions, builds and providers are locked already. The queue clocks stop here.
 */
export const PLACE_WRITE: Statement = {
  name: 'place_write',
  text: `
  WITH asked AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::text[], $6::integer[], $7::text[],
                         $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::bigint[], $15::bigint[],
                         $16::text[])
      AS a (execution_id, provider_id, build_id, generation, host, shard, cluster_uid, namespace, namespace_uid, document,
            document_hash, run_name, decision, ephemeral_storage_limit_bytes, workspace_bytes, message)
  ), reserved AS (
    UPDATE providers p SET running = p.running + n.placed
      FROM (SELECT provider_id, count(*)::integer AS placed FROM asked GROUP BY provider_id) n
     WHERE p.id = n.provider_id
  ), build AS (
    UPDATE builds b
       SET queued_seconds = b.queued_seconds + ${QUEUED_FOR}
      FROM asked a WHERE b.id = a.build_id
  ), placed AS (
    UPDATE build_executions e
       SET state = 'creating', provider_id = a.provider_id, provider_generation = a.generation, host = a.host,
           shard = a.shard, cluster_uid = a.cluster_uid, namespace = a.namespace, namespace_uid = a.namespace_uid,
           document = a.document, document_hash = a.document_hash, pipeline_run_name = a.run_name,
           log_day = current_date, placed_at = now(),
           ephemeral_storage_limit_bytes = a.ephemeral_storage_limit_bytes, workspace_bytes = a.workspace_bytes
      FROM asked a
     WHERE e.id = a.execution_id AND e.state IN ${inList(sourcesOf(EXECUTION_TRANSITIONS, 'creating'))}
    RETURNING e.id, e.build_id, e.tenant_id, e.attempt, e.owner, a.decision, a.message
  ), decision AS (
    INSERT INTO placement_decisions (execution_id, build_id, attempt, decision)
    SELECT id, build_id, attempt, decision::jsonb FROM placed
        ON CONFLICT (execution_id) DO UPDATE SET decision = excluded.decision, decided_at = now()
  )
  INSERT INTO build_events (build_id, tenant_id, execution_id, attempt, subject, from_state, to_state, message, actor)
  SELECT build_id, tenant_id, id, attempt, 'execution', 'placing', 'creating', message, 'dispatcher:' || owner::text
    FROM placed`,
};

/** The lanes of the executions $1, which never change. Index: primary keys. Locks: the lanes, in the order of their ids. */
export const LOCK_LANES_OF: Statement = {
  name: 'lock_lanes_of',
  text: `
  SELECT tenant_id FROM lanes
   WHERE tenant_id = ANY (ARRAY(SELECT tenant_id FROM build_executions WHERE id = ANY ($1::uuid[])))
   ORDER BY tenant_id
     FOR UPDATE`,
};

/** Longest time for which a build that waits for an event alone is left: a wake-up may be missed. */
const PARK_BACKSTOP = `least(interval '10 minutes', interval '15 seconds' * (1 << least(b.bounces, 6)))`;

/**
 * Takes claims back: no cluster was touched, no attempt is used. $1 executions, $2 whose claims (null: anybody's), $3
 * what becomes of a running build: `queued` (its old place), `parked`, `failed` (one that is being cancelled is
 * cancelled), $4 reasons, $5 messages, $6 actors, $7 and $8 what wakes each. A claim that is not $2's any more is left
 * alone. What goes back into the queue was not served: its lane's turn does not suffer from it. Index: primary keys.
 * Locks: nothing new; executions, builds and lanes are locked already.
 */
export const UNPLACE_WRITE: Statement = {
  name: 'unplace_write',
  text: `
  WITH asked AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[])
      AS a (execution_id, owner, target, reason, message, actor, wake_at, wake_on)
  ), taken AS (
    UPDATE build_executions e
       SET state = 'released', reason = a.reason, message = a.message, slot_held = false, finished_at = now()
      FROM asked a
     WHERE e.id = a.execution_id AND e.owner = coalesce(a.owner, e.owner)
       AND e.state IN ${inList(sourcesOf(EXECUTION_TRANSITIONS, 'released'))}
    RETURNING e.id AS execution_id, e.build_id, e.tenant_id, e.attempt, e.cpu_millis, e.memory_bytes,
              a.target, a.reason, a.message, a.actor, a.wake_at, a.wake_on
  ), ruled AS (
    SELECT t.*, o.status AS from_status, coalesce(o.cancel_intent, 'UserCancel') AS cancelled_for,
           CASE WHEN o.status = 'cancelling' THEN 'cancelled' ELSE t.target END AS rule
      FROM taken t JOIN builds o ON o.id = t.build_id
  ), moved AS (
    UPDATE builds b
       SET status = CASE WHEN r.rule = 'parked' THEN 'queued' ELSE r.rule END,
           reason = CASE WHEN r.rule = 'cancelled' THEN r.cancelled_for WHEN r.rule = 'failed' THEN r.reason END,
           message = CASE WHEN r.rule = 'cancelled' THEN b.cancel_reason WHEN r.rule = 'failed' THEN r.message END,
           queue_key = CASE WHEN r.rule = 'queued' THEN ${QUEUE_KEY_OF_BUILD} END,
           parked = CASE WHEN r.rule = 'parked' THEN r.reason END,
           parked_message = CASE WHEN r.rule = 'parked' THEN r.message END,
           parked_wake_at = CASE WHEN r.rule = 'parked' THEN coalesce(r.wake_at, now() + ${PARK_BACKSTOP}) END,
           parked_wake_on = CASE WHEN r.rule = 'parked' THEN r.wake_on END,
           attempt = CASE WHEN r.rule IN ('queued', 'parked') THEN b.attempt - 1 ELSE b.attempt END,
           bounces = b.bounces + 1,
           finished_at = CASE WHEN r.rule IN ('failed', 'cancelled') THEN now() END,
           queued_seconds = b.queued_seconds + CASE WHEN r.rule IN ('failed', 'cancelled') THEN ${QUEUED_FOR} ELSE 0 END
      FROM ruled r
     WHERE b.id = r.build_id AND b.status IN ('running', 'cancelling')
    RETURNING b.id, b.tenant_id, b.project_id, b.status, b.reason AS build_reason,
              b.message AS build_message, r.execution_id, r.attempt, r.from_status, r.rule, r.reason, r.message, r.actor,
              r.cpu_millis, r.memory_bytes
  ), lane AS (
    UPDATE lanes l
       SET running = l.running - n.released, queued = l.queued + n.queued, parked = l.parked + n.parked,
           running_cpu = l.running_cpu - n.cpu, running_memory = l.running_memory - n.memory,
           served = greatest(0, l.served - greatest(n.cpu_back / ${DEFAULT_CPU}, n.memory_back / ${DEFAULT_MEMORY}) / l.weight)
      FROM (SELECT tenant_id, count(*)::integer AS released, sum(cpu_millis)::bigint AS cpu,
                   sum(memory_bytes)::bigint AS memory,
                   coalesce(sum(cpu_millis) FILTER (WHERE status = 'queued'), 0)::bigint AS cpu_back,
                   coalesce(sum(memory_bytes) FILTER (WHERE status = 'queued'), 0)::bigint AS memory_back,
                   (count(*) FILTER (WHERE rule = 'queued'))::integer AS queued,
                   (count(*) FILTER (WHERE rule = 'parked'))::integer AS parked
              FROM moved GROUP BY tenant_id) n
     WHERE l.tenant_id = n.tenant_id
    RETURNING l.tenant_id, l.parked > n.parked AS others_wait
  ), project AS (
    UPDATE project_lanes j SET running = j.running - n.released
      FROM (SELECT project_id, count(*)::integer AS released FROM moved GROUP BY project_id) n
     WHERE j.project_id = n.project_id
  ), event AS (
    INSERT INTO build_events (build_id, tenant_id, execution_id, attempt, subject, from_state, to_state, reason, message, actor)
    SELECT m.id, m.tenant_id, m.execution_id, m.attempt, e.subject, e.from_state, e.to_state, e.reason, e.message, m.actor
      FROM moved m
     CROSS JOIN LATERAL (VALUES
       ('execution', 'placing', 'released', m.reason, m.message),
       ('build', m.from_status, m.status, coalesce(m.build_reason, m.reason), coalesce(m.build_message, m.message))
     ) AS e (subject, from_state, to_state, reason, message)
  )
  SELECT m.id, m.tenant_id, m.execution_id, m.status, lane.others_wait
    FROM moved m JOIN lane USING (tenant_id)`,
};

/** The decisions that led to parking: $1 executions, $2 decisions. Index: primary keys. Locks: nothing new. */
export const PARK_DECISIONS: Statement = {
  name: 'park_decisions',
  text: `
  INSERT INTO placement_decisions (execution_id, build_id, attempt, decision)
  SELECT e.id, e.build_id, e.attempt, a.decision::jsonb
    FROM unnest($1::uuid[], $2::text[]) AS a (execution_id, decision)
    JOIN build_executions e ON e.id = a.execution_id
      ON CONFLICT (execution_id) DO UPDATE SET decision = excluded.decision, decided_at = now()`,
};

/** Claims whose dispatcher is gone by the judge's time $2. Index: build_executions_placing, then dispatchers' key. Locks nothing. */
export const FIND_ABANDONED = `
  SELECT e.id
    FROM build_executions e
   WHERE e.provider_id IS NULL AND e.finished_at IS NULL AND ${isJudgedTime('$2')} AND NOT EXISTS (
     SELECT 1 FROM dispatchers d WHERE d.id = e.owner AND d.state <> 'stopped' AND ${hasLease('d')})
   ORDER BY e.id
   LIMIT $1`;

/** Index: primary key. Locks nothing: what it says is checked again under lock. */
export const CANCEL_LOOK = 'SELECT status FROM builds WHERE id = $1 AND tenant_id = $2';

/** Keeps a queued build from claims, which skip what is locked. Index: primary key. Locks: the build. */
export const LOCK_QUEUED = `SELECT id, tenant_id FROM builds WHERE id = $1 AND tenant_id = $2 AND status = 'queued' FOR UPDATE`;

/** A build with its live execution. Index: build_executions_live, primary key. Locks: the execution, then the build. */
export const LOCK_LIVE = `
  SELECT e.id AS execution_id, b.status
    FROM build_executions e
    JOIN builds b ON b.id = e.build_id
   WHERE e.build_id = $1 AND b.tenant_id = $2
     AND e.finished_at IS NULL
     FOR UPDATE OF e, b`;

/**
 * A running build starts to be cancelled; the intent is on its execution before any cluster is told (rule 11). An attempt
 * that has its outcome, or another intent, keeps it: what the build was cancelled for stands on the build.
 * $3 the actor, $4 why in words, $5 the intent. Index: primary keys. Locks: nothing new.
 */
export const CANCEL_RUNNING_WRITE = `
  WITH intended AS (
    UPDATE build_executions
       SET stop_intent = coalesce(stop_intent, $5), stop_requested_at = coalesce(stop_requested_at, now())
     WHERE id = $2 AND outcome IS NULL
  ), event AS (
    INSERT INTO build_events (build_id, tenant_id, execution_id, attempt, subject, from_state, to_state, reason, message, actor)
    SELECT id, tenant_id, $2, attempt, 'build', 'running', 'cancelling', $5, $4, $3 FROM builds WHERE id = $1
  )
  UPDATE builds
     SET status = 'cancelling', cancel_requested_at = now(), cancel_requested_by = $3, cancel_reason = $4, cancel_intent = $5
   WHERE id = $1 AND status IN ${inList(sourcesOf(BUILD_TRANSITIONS, 'cancelling'))}`;
