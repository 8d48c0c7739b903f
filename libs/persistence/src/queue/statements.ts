import { BUILD_TRANSITIONS, sourcesOf } from '@image-factory/domain';
import type { Statement } from '../database/transaction.js';
import { inList } from '../sql/in-list.js';
import { QUEUE_KEY_OF_BUILD } from './queue-key.js';

/*
 * The queue's SQL: every statement that claims, places, parks, wakes or ends a queued build.
 *
 * Lock order, everywhere: shard → execution → build → lane → provider. The two that take a lane first, claim and the
 * cancel of a queued build, then take builds with SKIP LOCKED, so that they never wait for one who waits for them.
 *
 * READ COMMITTED takes a statement's snapshot before its locks: what has to be read after a lock was taken is read by
 * the next statement. Counters in `lanes` and `providers` only move in the transaction that moves what they count.
 */

/** Lanes with work and room, least served first. Index: lanes_ready. Locks: up to $1 lanes, skipping locked ones. */
export const CLAIM_LANES: Statement = {
  name: 'claim_lanes',
  text: `
  SELECT tenant_id, queued, running, max_running, weight
    FROM lanes
   WHERE ready AND NOT (SELECT dispatch_paused FROM installation)
   ORDER BY running::double precision / weight, served_at
   LIMIT $1
     FOR UPDATE SKIP LOCKED`,
};

/**
 * The same for one lane, waiting for it (with a short lock_timeout): a lane that is enqueued into without a pause is
 * always locked by somebody, and would be skipped for ever. Index: lanes_ready. Locks: one lane, holding nothing else.
 */
export const CLAIM_LANE_WAITING: Statement = {
  name: 'claim_lane_waiting',
  text: `
  SELECT tenant_id, queued, running, max_running, weight
    FROM lanes
   WHERE ready AND NOT (SELECT dispatch_paused FROM installation)
   ORDER BY running::double precision / weight, served_at
   LIMIT 1
     FOR UPDATE`,
};

/** What a claim that was not filled left behind. Scans the lanes, a row per tenant. Locks nothing. */
export const CLAIM_LEFT: Statement = {
  name: 'claim_left',
  text: `
  SELECT coalesce(sum(queued) FILTER (WHERE running >= max_running), 0)::integer AS skipped,
         coalesce(bool_or(ready), false) AND NOT (SELECT dispatch_paused FROM installation) AS ready
    FROM lanes
   WHERE queued > 0`,
};

/**
 * The heads of each locked lane, exactly as many as were allotted. Index: builds_claim, one range per lane, in its
 * order. Locks: the heads, skipping locked ones (only an outsider can hold one: their lane is ours).
 */
export const CLAIM_HEADS: Statement = {
  name: 'claim_heads',
  text: `
  SELECT h.id
    FROM unnest($1::uuid[], $2::integer[]) WITH ORDINALITY AS l (tenant_id, takes, position)
   CROSS JOIN LATERAL (
     SELECT b.id, b.queue_key
       FROM builds b
      WHERE b.tenant_id = l.tenant_id AND b.queue_key IS NOT NULL
      ORDER BY b.queue_key
      LIMIT l.takes
        FOR UPDATE SKIP LOCKED) h
   ORDER BY l.position, h.queue_key`,
};

/** What a claimer has to know about a build, from aliases `c` (build with its execution) and the joined ones. */
const CLAIMED_COLUMNS = `
  c.execution_id, c.claim_token, c.id AS build_id, c.tenant_id, c.project_id, c.build_number, c.attempt, c.bounces,
  c.build_method, c.infrastructure_type, c.requested_provider_id, c.git_branch, c.git_commit, c.image_repository,
  c.build_timeout_minutes, c.start_limit_minutes, c.traceparent,
  greatest(0, extract(epoch FROM clock_timestamp() - c.queued_at)::double precision) AS waited_seconds,
  to_jsonb(g) - 'build_id' - 'build_method' AS config,
  s.git_repository_url, s.registry_auth_id, s.repository_auth_id, t.tekton_enabled, t.allowed_methods`;

/**
 * Everything that a claim changes, for all builds at once: builds, executions, lanes, events. Indexes: primary keys.
 * Locks: the lanes and builds are locked already; the execution rows are new.
 */
export const CLAIM_WRITE: Statement = {
  name: 'claim_write',
  text: `
  WITH head AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS h (build_id, execution_id, claim_token)
  ), claimed AS (
    UPDATE builds b
       SET status = 'running', queue_key = NULL, attempt = b.attempt + 1, reason = NULL, message = NULL
      FROM head
     WHERE b.id = head.build_id AND b.status IN ${inList(sourcesOf(BUILD_TRANSITIONS, 'running'))}
    RETURNING b.*, head.execution_id, head.claim_token
  ), execution AS (
    INSERT INTO build_executions (id, build_id, tenant_id, attempt, state, owner, claim_token)
    SELECT execution_id, id, tenant_id, attempt, 'placing', $4, claim_token FROM claimed
  ), lane AS (
    UPDATE lanes l
       SET queued = l.queued - n.taken, running = l.running + n.taken, served_at = clock_timestamp()
      FROM (SELECT tenant_id, count(*)::integer AS taken FROM claimed GROUP BY tenant_id) n
     WHERE l.tenant_id = n.tenant_id
  ), event AS (
    INSERT INTO build_events (build_id, tenant_id, execution_id, attempt, subject, from_state, to_state, actor)
    SELECT c.id, c.tenant_id, c.execution_id, c.attempt, e.subject, e.from_state, e.to_state, 'dispatcher:' || $4::text
      FROM claimed c
     CROSS JOIN (VALUES ('build', 'queued', 'running'), ('execution', NULL, 'placing')) AS e (subject, from_state, to_state)
  )
  SELECT ${CLAIMED_COLUMNS}
    FROM claimed c
    JOIN build_configs g ON g.build_id = c.id
    JOIN build_specs s ON s.build_id = c.id
    JOIN tenants t ON t.id = c.tenant_id`,
};

/**
 * Counts a new build in its lane, unless that is full. Index: primary keys. Locks: the lane, after the build that this
 * transaction inserted.
 */
export const ENQUEUE = `
  UPDATE lanes l
     SET queued = l.queued + (b.parked IS NULL)::integer, parked = l.parked + (b.parked IS NOT NULL)::integer
    FROM builds b
   WHERE b.id = $1 AND l.tenant_id = b.tenant_id AND ($2::integer IS NULL OR l.queued + l.parked < $2)
  RETURNING b.status`;

/** A build that may not start before a time. Index: primary key. Locks: the build that this transaction inserted. */
export const ENQUEUE_LATER = `
  UPDATE builds
     SET queue_key = NULL, parked = 'NotBefore', parked_wake_at = $2, not_before = $2, queued_at = $2,
         parked_message = coalesce(parked_message, 'may not start before its not_before')
   WHERE id = $1 AND status = 'queued' AND $2 > now()`;

/** The first line of a build's timeline. */
export const ENQUEUE_EVENT = `
  INSERT INTO build_events (build_id, tenant_id, subject, to_state, reason, actor)
  SELECT id, tenant_id, 'build', 'queued', parked, $2 FROM builds WHERE id = $1`;

/** A lane with its tenant's limits. Index: primary keys. Locks: the lane. */
export const SYNC_LANE = `
  INSERT INTO lanes (tenant_id, max_running, weight)
  SELECT id, max_concurrent_builds, weight FROM tenants WHERE id = $1
      ON CONFLICT (tenant_id) DO UPDATE SET max_running = excluded.max_running, weight = excluded.weight`;

/** Index: primary key. Locks: the lanes, in the order of their ids. */
export const LOCK_LANES = `
  SELECT tenant_id FROM lanes WHERE tenant_id = ANY ($1::uuid[]) ORDER BY tenant_id FOR UPDATE`;

/** Parked builds whose time has come. Index: builds_parked_time. Locks nothing. */
export const FIND_DUE = `
  SELECT id, tenant_id FROM builds
   WHERE parked IS NOT NULL AND parked_wake_at <= now() ORDER BY parked_wake_at LIMIT $1`;

/** Parked builds that wait for an event, oldest first. Index: builds_parked_event. Locks nothing. */
export const FIND_WAITING = `
  SELECT id, tenant_id FROM builds
   WHERE parked IS NOT NULL AND parked_wake_on = $1 ORDER BY ordinal LIMIT $2`;

/**
 * Puts parked builds back in the claim order. Index: primary keys.
 * Locks: the builds, skipping locked ones; their lanes are locked already.
 */
export const UNPARK_WRITE = `
  WITH asleep AS MATERIALIZED (
    SELECT id, parked FROM builds WHERE id = ANY ($1::uuid[]) AND parked IS NOT NULL ORDER BY id FOR UPDATE SKIP LOCKED
  ), woken AS (
    UPDATE builds b
       SET queue_key = ${QUEUE_KEY_OF_BUILD}, parked = NULL, parked_message = NULL, parked_wake_at = NULL, parked_wake_on = NULL
      FROM asleep
     WHERE b.id = asleep.id
    RETURNING b.id, b.tenant_id, asleep.parked AS was
  ), lane AS (
    UPDATE lanes l
       SET queued = l.queued + n.woken, parked = l.parked - n.woken
      FROM (SELECT tenant_id, count(*)::integer AS woken FROM woken GROUP BY tenant_id) n
     WHERE l.tenant_id = n.tenant_id
  ), event AS (
    INSERT INTO build_events (build_id, tenant_id, subject, from_state, actor)
    SELECT id, tenant_id, 'waiting', was, 'system' FROM woken
  )
  SELECT id, tenant_id FROM woken`;

/** Builds whose queue clock has run out. Index: builds_queue_deadline. Locks nothing. */
export const FIND_EXPIRED = `
  SELECT id, tenant_id FROM builds
   WHERE queue_deadline <= floor(extract(epoch FROM now()))::bigint ORDER BY queue_deadline LIMIT $1`;

/**
 * Ends queued builds: $2 the status, $3 the reason, $4 the message, $5 the actor, $6 true when a person cancels.
 * Index: primary keys. Locks: the builds, skipping locked ones (they are about to be queued by someone who waits for
 * the lane that we hold); their lanes are locked already.
 */
export const END_QUEUED_WRITE = `
  WITH waiting AS MATERIALIZED (
    SELECT id, parked FROM builds
     WHERE id = ANY ($1::uuid[]) AND status = 'queued' ORDER BY id FOR UPDATE SKIP LOCKED
  ), ended AS (
    UPDATE builds b
       SET status = $2, reason = $3, message = $4, finished_at = now(), queue_key = NULL,
           parked = NULL, parked_message = NULL, parked_wake_at = NULL, parked_wake_on = NULL,
           cancel_requested_at = CASE WHEN $6::boolean THEN now() ELSE b.cancel_requested_at END,
           cancel_requested_by = CASE WHEN $6::boolean THEN $5 ELSE b.cancel_requested_by END,
           cancel_reason = CASE WHEN $6::boolean THEN $4 ELSE b.cancel_reason END,
           queued_seconds = b.queued_seconds + greatest(0, extract(epoch FROM now() - b.queued_at)::double precision)
      FROM waiting
     WHERE b.id = waiting.id
    RETURNING b.id, b.tenant_id, b.attempt, waiting.parked
  ), lane AS (
    UPDATE lanes l
       SET queued = l.queued - n.queued, parked = l.parked - n.parked
      FROM (SELECT tenant_id, (count(*) FILTER (WHERE parked IS NULL))::integer AS queued,
                   (count(*) FILTER (WHERE parked IS NOT NULL))::integer AS parked
              FROM ended GROUP BY tenant_id) n
     WHERE l.tenant_id = n.tenant_id
  ), event AS (
    INSERT INTO build_events (build_id, tenant_id, subject, from_state, to_state, reason, message, actor)
    SELECT id, tenant_id, 'build', 'queued', $2, $3, $4, $5 FROM ended
  )
  SELECT id, tenant_id FROM ended`;
