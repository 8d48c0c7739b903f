import type { Statement } from '../database/transaction.js';
import { isJudgedTime } from '../lease/judged-time.js';
import { LANE_ORDER } from './claim-statements.js';
import { mayBeUsedBy } from './provider-room.js';
import { QUEUE_KEY_OF_BUILD, QUEUED_FOR } from './queue-key.js';

/*
 * The queue's SQL: statements that wake or end a queued build, and those of lanes. The claim's are in claim-statements.ts,
 * the submission's in build/submission-statements.ts.
 *
 * Lock order, everywhere: shard → execution → build → lane → project lane → provider → tag. Those that take a lane
 * first, the claim, UNPARK_WRITE and END_QUEUED_WRITE, then take builds with SKIP LOCKED: they never wait for one who
 * waits for them.
 *
 * READ COMMITTED takes a statement's snapshot before its locks: what has to be read after a lock was taken is read by
 * the next statement. Counters in `lanes` and `providers` only move in the transaction that moves what they count.
 */

/**
 * Counts a new build in its lane, unless that is full. Index: primary keys. Locks: the lane, after the build that this
 * transaction inserted.
 */
export const COUNT_NEW: Statement = {
  name: 'count_new',
  text: `
  UPDATE lanes l
     SET queued = l.queued + (b.parked IS NULL)::integer, parked = l.parked + (b.parked IS NOT NULL)::integer
    FROM builds b
   WHERE b.id = $1 AND l.tenant_id = b.tenant_id AND l.queued + l.parked < $2::integer
  RETURNING b.status`,
};

/**
 * The lane of a tenant that has none. One that is there is left as it is: a submission that waited for a change of the
 * tenant has read the limits from before. Index: primary keys. Locks: the lane, when it is new.
 */
export const MAKE_LANE = `
  INSERT INTO lanes (tenant_id, max_running, guaranteed, weight)
  SELECT id, max_concurrent_builds, guaranteed_builds, weight FROM tenants WHERE id = $1
      ON CONFLICT (tenant_id) DO NOTHING`;

/** A lane with its tenant's limits, for who changes these. Index: primary keys. Locks: the lane. */
export const SYNC_LANE = `
  INSERT INTO lanes (tenant_id, max_running, guaranteed, weight)
  SELECT id, max_concurrent_builds, guaranteed_builds, weight FROM tenants WHERE id = $1
      ON CONFLICT (tenant_id) DO UPDATE
     SET max_running = excluded.max_running, guaranteed = excluded.guaranteed, weight = excluded.weight`;

/** Index: primary key. Locks: the lanes, in the order of their ids. */
export const LOCK_LANES: Statement = {
  name: 'lock_lanes',
  text: `
  SELECT tenant_id FROM lanes WHERE tenant_id = ANY ($1::uuid[]) ORDER BY tenant_id FOR UPDATE`,
};

/** Parked builds whose time has come by the judge's time $2. Index: builds_parked_time. Locks nothing. */
export const FIND_DUE = `
  SELECT id, tenant_id FROM builds
   WHERE parked IS NOT NULL AND parked_wake_at <= now() AND ${isJudgedTime('$2')}
   ORDER BY parked_wake_at LIMIT $1`;

/** A tenant's oldest builds that wait for the event `e`: a range of builds_parked_event, in its order. */
const oldest = (tenantId: string, limit: string): string => `
       SELECT b.id, b.tenant_id, b.parked_order, b.build_method, b.infrastructure_type, b.cpu_millis, b.memory_bytes
         FROM builds b
        WHERE b.parked IS NOT NULL AND b.parked_wake_on = e.wake_on AND b.tenant_id = ${tenantId}
        ORDER BY b.parked_order
        LIMIT ${limit}`;

/**
 * Parked builds that wait for one of the events $1: the oldest of each lane by the lanes' turn, then the next of each;
 * as many of each lane as $2 shared evenly gives it. With a provider, $3, only of tenants that may use it, with what it
 * has to be asked about. A lane at its limit comes last: what is woken there waits on. Indexes: builds_parked_event, for
 * each lane with parked builds; primary keys. Locks nothing.
 */
export const FIND_WAITING: Statement = {
  name: 'find_waiting',
  text: `
  WITH lane AS MATERIALIZED (
    SELECT tenant_id, row_number() OVER (ORDER BY running >= max_running, ${LANE_ORDER}) AS turn
      FROM lanes
     WHERE parked > 0
       AND (SELECT count(*) FROM unnest($1::text[]) AS e (wake_on) CROSS JOIN LATERAL (${oldest('lanes.tenant_id', '1')}) h) > 0
       AND ($3::uuid IS NULL OR EXISTS (
             SELECT 1 FROM providers p
              WHERE p.id = $3 AND ${mayBeUsedBy('lanes.tenant_id')}))
     ORDER BY turn
     LIMIT $2::integer
  ), head AS (
    SELECT h.*, l.turn, row_number() OVER (PARTITION BY l.tenant_id ORDER BY h.parked_order) AS place
      FROM lane l
     CROSS JOIN unnest($1::text[]) AS e (wake_on)
     CROSS JOIN LATERAL (${oldest('l.tenant_id', '(SELECT 1 + $2::integer / greatest(1, count(*)) FROM lane)')}) h
  )
  SELECT h.id, h.tenant_id, h.build_method, h.infrastructure_type, h.cpu_millis, h.memory_bytes,
         (SELECT s.request -> 'requirements' FROM build_specs s WHERE s.build_id = h.id AND $3::uuid IS NOT NULL) AS requirements
    FROM head h
   ORDER BY h.place, h.turn`,
};

/**
 * Puts parked builds back in the claim order. Index: primary keys.
 * Locks: the builds, skipping locked ones; their lanes are locked already.
 */
export const UNPARK_WRITE: Statement = {
  name: 'unpark_write',
  text: `
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
  SELECT id, tenant_id FROM woken`,
};

/** Builds whose queue clock has run out by the judge's time $2. Index: builds_queue_deadline. Locks nothing. */
export const FIND_EXPIRED = `
  SELECT id, tenant_id FROM builds
   WHERE queue_deadline <= floor(extract(epoch FROM now()))::bigint AND ${isJudgedTime('$2')}
   ORDER BY queue_deadline LIMIT $1`;

/**
 * Ends queued builds: $2 the status, $3 the reason, $4 the message, $5 the actor, $6 true when it is a cancel.
 * Index: primary keys. Locks: the builds, skipping what another transaction has locked (it waits for the lane
 * that we hold, to queue or to cancel it); their lanes are locked already.
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
           cancel_intent = CASE WHEN $6::boolean THEN $3 ELSE b.cancel_intent END,
           queued_seconds = b.queued_seconds + ${QUEUED_FOR}
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
