import { BUILD_TRANSITIONS, EXECUTION_TRANSITIONS, sourcesOf } from '@image-factory/domain';
import type { Statement } from '../database/transaction.js';
import { inList } from '../sql/in-list.js';
import { QUEUE_KEY_OF_BUILD } from './queue-key.js';

/* SQL about claimed executions: place them, take them back, cancel their builds. Lock order as in statements.ts. */

/**
 * A claimed execution with its build. By id alone: whose it is is compared afterwards, so that no plan walks all claims
 * of one owner instead. Index: primary keys. Locks: the execution, then the build.
 */
export const LOCK_CLAIM: Statement = {
  name: 'lock_claim',
  text: `
  SELECT e.build_id, e.tenant_id, e.attempt, e.owner, e.claim_token, e.state,
         b.status, b.build_method, b.infrastructure_type, b.requested_provider_id
    FROM build_executions e
    JOIN builds b ON b.id = e.build_id
   WHERE e.id = $1
     FOR UPDATE OF e, b`,
};

/**
 * The provider as it is now, and nobody changes its state, limit or count until we commit. Index: primary keys.
 * Locks: the provider, FOR NO KEY UPDATE so that foreign keys to it need not wait; the grant is read, not locked.
 */
export const LOCK_PROVIDER: Statement = {
  name: 'lock_provider',
  text: `
  SELECT p.name, p.provider_type, p.source, p.is_global, p.is_default, p.state, p.generation, p.settings, p.allow_privileged,
         p.max_concurrent_builds, p.running, p.unswept, p.sweep_behind, p.health, p.tekton_answers, p.watch_fresh,
         EXISTS (SELECT 1 FROM provider_permissions g
                  WHERE g.provider_id = p.id AND g.tenant_id = $2 AND (g.expires_at IS NULL OR g.expires_at > now())) AS granted
    FROM providers p
   WHERE p.id = $1
     FOR NO KEY UPDATE OF p`,
};

/**
 * Reserves the provider's slot and commits the placement. Index: primary keys.
 * Locks: nothing new; execution, build and provider are locked already. The queue clock stops here.
 */
export const PLACE_WRITE: Statement = {
  name: 'place_write',
  text: `
  WITH reserved AS (
    UPDATE providers SET running = running + 1 WHERE id = $2
  ), build AS (
    UPDATE builds
       SET queued_seconds = queued_seconds + greatest(0, extract(epoch FROM now() - queued_at)::double precision)
     WHERE id = $3
  ), decision AS (
    INSERT INTO placement_decisions (execution_id, build_id, attempt, decision)
    SELECT $1, $3, attempt, $14::jsonb FROM build_executions WHERE id = $1
        ON CONFLICT (execution_id) DO UPDATE SET decision = excluded.decision, decided_at = now()
  ), event AS (
    INSERT INTO build_events (build_id, tenant_id, execution_id, attempt, subject, from_state, to_state, message, actor)
    SELECT $3, tenant_id, $1, attempt, 'execution', 'placing', 'creating', $15::text, 'dispatcher:' || owner::text
      FROM build_executions WHERE id = $1
  )
  UPDATE build_executions
     SET state = 'creating', provider_id = $2, provider_generation = $4, host = $5, shard = $6, cluster_uid = $7,
         namespace = $8, namespace_uid = $9, document = $10, document_hash = $11, pipeline_run_name = $12,
         log_day = current_date, placed_at = now(), ephemeral_storage_limit_bytes = $16, workspace_bytes = $17
   WHERE id = $1 AND state IN ${inList(sourcesOf(EXECUTION_TRANSITIONS, 'creating'))} AND claim_token = $13`,
};

/** Claims to take back; whose they are is compared afterwards. Index: primary keys. Locks: executions, then their builds. */
export const LOCK_PLACING: Statement = {
  name: 'lock_placing',
  text: `
  SELECT e.id, e.tenant_id, e.owner, e.state
    FROM build_executions e
    JOIN builds b ON b.id = e.build_id
   WHERE e.id = ANY ($1::uuid[])
   ORDER BY e.id
     FOR UPDATE OF e, b`,
};

/** Longest time for which a build that waits for an event alone is left: a wake-up may be missed. */
const PARK_BACKSTOP = `least(interval '10 minutes', interval '15 seconds' * (1 << least(b.bounces, 6)))`;

/**
 * Takes claims back: no cluster was touched, no attempt is used. $2 says what becomes of a running build: `queued`
 * (its old place), `parked`, `failed`; one that is being cancelled is cancelled. Index: primary keys.
 * Locks: nothing new; executions, builds and lanes are locked already.
 */
export const UNPLACE_WRITE = `
  WITH taken AS (
    UPDATE build_executions
       SET state = 'released', reason = $3, message = $4, slot_held = false, finished_at = now()
     WHERE id = ANY ($1::uuid[]) AND state IN ${inList(sourcesOf(EXECUTION_TRANSITIONS, 'released'))}
    RETURNING id, build_id, tenant_id, attempt, stop_intent, cpu_millis, memory_bytes
  ), ruled AS (
    SELECT t.id AS execution_id, t.build_id, t.tenant_id, t.attempt, t.cpu_millis, t.memory_bytes,
           o.status AS from_status, coalesce(t.stop_intent, 'UserCancel') AS cancelled_for,
           CASE WHEN o.status = 'cancelling' THEN 'cancelled' ELSE $2::text END AS rule
      FROM taken t JOIN builds o ON o.id = t.build_id
  ), moved AS (
    UPDATE builds b
       SET status = CASE WHEN r.rule = 'parked' THEN 'queued' ELSE r.rule END,
           reason = CASE WHEN r.rule = 'cancelled' THEN r.cancelled_for WHEN r.rule = 'failed' THEN $3 END,
           message = CASE WHEN r.rule = 'cancelled' THEN b.cancel_reason WHEN r.rule = 'failed' THEN $4 END,
           queue_key = CASE WHEN r.rule = 'queued' THEN ${QUEUE_KEY_OF_BUILD} END,
           parked = CASE WHEN r.rule = 'parked' THEN $3 END,
           parked_message = CASE WHEN r.rule = 'parked' THEN $4 END,
           parked_wake_at = CASE WHEN r.rule = 'parked' THEN coalesce($6::timestamptz, now() + ${PARK_BACKSTOP}) END,
           parked_wake_on = CASE WHEN r.rule = 'parked' THEN $7::text END,
           attempt = CASE WHEN r.rule IN ('queued', 'parked') THEN b.attempt - 1 ELSE b.attempt END,
           bounces = b.bounces + 1,
           finished_at = CASE WHEN r.rule IN ('failed', 'cancelled') THEN now() END
      FROM ruled r
     WHERE b.id = r.build_id AND b.status IN ('running', 'cancelling')
    RETURNING b.id, b.tenant_id, b.project_id, b.status, b.reason, b.message, r.rule, r.cpu_millis, r.memory_bytes
  ), lane AS (
    UPDATE lanes l
       SET running = l.running - n.released, queued = l.queued + n.queued, parked = l.parked + n.parked,
           running_cpu = l.running_cpu - n.cpu, running_memory = l.running_memory - n.memory
      FROM (SELECT tenant_id, count(*)::integer AS released, sum(cpu_millis)::bigint AS cpu,
                   sum(memory_bytes)::bigint AS memory,
                   (count(*) FILTER (WHERE rule = 'queued'))::integer AS queued,
                   (count(*) FILTER (WHERE rule = 'parked'))::integer AS parked
              FROM moved GROUP BY tenant_id) n
     WHERE l.tenant_id = n.tenant_id
  ), project AS (
    UPDATE project_lanes j SET running = j.running - n.released
      FROM (SELECT project_id, count(*)::integer AS released FROM moved GROUP BY project_id) n
     WHERE j.project_id = n.project_id
  ), event AS (
    INSERT INTO build_events (build_id, tenant_id, execution_id, attempt, subject, from_state, to_state, reason, message, actor)
    SELECT r.build_id, r.tenant_id, r.execution_id, r.attempt, e.subject, e.from_state, e.to_state, e.reason, e.message, $5
      FROM ruled r
      JOIN moved m ON m.id = r.build_id
     CROSS JOIN LATERAL (VALUES
       ('execution', 'placing', 'released', $3::text, $4::text),
       ('build', r.from_status, m.status, coalesce(m.reason, $3::text), coalesce(m.message, $4::text))
     ) AS e (subject, from_state, to_state, reason, message)
  )
  SELECT id, tenant_id, status FROM moved`;

/** The decision that led to parking. */
export const PARK_DECISION = `
  INSERT INTO placement_decisions (execution_id, build_id, attempt, decision)
  SELECT id, build_id, attempt, $2::jsonb FROM build_executions WHERE id = $1
      ON CONFLICT (execution_id) DO UPDATE SET decision = excluded.decision, decided_at = now()`;

/** Claims whose dispatcher is gone. Index: build_executions_placing, then dispatchers' key. Locks nothing. */
export const FIND_ABANDONED = `
  SELECT e.id
    FROM build_executions e
   WHERE e.state = 'placing' AND NOT EXISTS (
     SELECT 1 FROM dispatchers d WHERE d.id = e.owner AND d.state <> 'stopped' AND d.lease_until > clock_timestamp())
   ORDER BY e.id
   LIMIT $1`;

/** Index: primary key. Locks nothing: what it says is checked again under lock. */
export const CANCEL_LOOK = 'SELECT status FROM builds WHERE id = $1 AND tenant_id = $2';

/** A build with its live execution. Index: build_executions_live, primary key. Locks: the execution, then the build. */
export const LOCK_LIVE = `
  SELECT e.id AS execution_id, b.status
    FROM build_executions e
    JOIN builds b ON b.id = e.build_id
   WHERE e.build_id = $1 AND b.tenant_id = $2
     AND e.state IN ('placing', 'creating', 'starting', 'running', 'sealing', 'promoting')
     FOR UPDATE OF e, b`;

/**
 * A running build starts to be cancelled; the intent is on its execution before any cluster is told (rule 11).
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
     SET status = 'cancelling', cancel_requested_at = now(), cancel_requested_by = $3, cancel_reason = $4
   WHERE id = $1 AND status IN ${inList(sourcesOf(BUILD_TRANSITIONS, 'cancelling'))}`;
