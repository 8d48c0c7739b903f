import { BUILD_TRANSITIONS, sourcesOf } from '@image-factory/domain';
import type { Statement } from '../database/transaction.js';
import { MAY_CLAIM } from '../lease/trust-statements.js';
import { DEFAULT_CPU, DEFAULT_MEMORY } from './default-resources.js';
import { inList } from '../sql/in-list.js';
import { isOpenTo, PROVIDER_ROOM } from './provider-room.js';

/* SQL of the claim. Lock order: gate → lanes → installation (only under a limit) → builds → project lanes. */

/**
 * What a lane was served lately, for its weight, in units of a usual build: it fades by a factor e in this time. It breaks
 * ties between lanes that run equally much, which the number of slots makes common and whose order alone would decide.
 */
const SERVED_FADES_SECONDS = 1800;
const SERVED = (lane: string): string =>
  `${lane}.served * exp(-least(50, extract(epoch FROM clock_timestamp() - ${lane}.served_at)::double precision / ${SERVED_FADES_SECONDS}))`;

/**
 * Who is served next: lanes below their guarantee first, by how far they are below it; then by the dominant share of
 * what runs, for the weight; then by what they were served lately. `LaneTally` is the same in code.
 */
export const LANE_ORDER = `running >= guaranteed,
         CASE WHEN running < guaranteed THEN running::double precision / guaranteed
              ELSE greatest(running_cpu::double precision / ${DEFAULT_CPU},
                            running_memory::double precision / ${DEFAULT_MEMORY}) / weight END,
         ${SERVED('lanes')}, served_at`;

const LANE_COLUMNS = `tenant_id, queued, running, max_running, guaranteed, weight, running_cpu, running_memory,
         ${SERVED('lanes')} AS served, (SELECT max_concurrent_builds FROM installation) AS installation_limit,
         (SELECT free FROM room) AS provider_room`;

/** Lanes that are locked beyond the providers' room: all that is next in some may wait for a key or a project's limit. */
const SPARE_LANES = 16;

/** A claim can start something of the lane: it has builds, the tenant has room for one, and so have its providers. */
const MAY_START = `ready AND ${MAY_CLAIM} AND (SELECT free FROM room) IS DISTINCT FROM 0 AND ${isOpenTo('lanes.tenant_id')}`;

/**
 * Lanes with work and room in their turn. Reads every lane, a row per tenant, by the primary key: an index of those that
 * are ready would be written anew whenever one becomes so; and the providers, for their room. Locks: up to $1 lanes,
 * skipping locked ones.
 */
export const CLAIM_LANES: Statement = {
  name: 'claim_lanes',
  text: `
  WITH ${PROVIDER_ROOM}
  SELECT ${LANE_COLUMNS}
    FROM lanes
   WHERE ${MAY_START}
   ORDER BY ${LANE_ORDER}
   LIMIT (SELECT least($1::integer, free + ${SPARE_LANES}) FROM room)
     FOR UPDATE SKIP LOCKED`,
};

/** Claims that may be under way at once in one database: more would only take lanes and processors from each other. */
export const CLAIM_GATES = 4;

/**
 * Passes one of the gates, or waits for the gate $1 when none is open. Locks: an advisory lock of two numbers that mean
 * nothing else, until the end of the transaction; its holder waits for nobody who waits for a gate.
 */
export const CLAIM_GATE: Statement = {
  name: 'claim_gate',
  text: `
  SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM generate_series(1, ${CLAIM_GATES}) AS gate
                                WHERE pg_try_advisory_xact_lock(5277821, gate))
              THEN pg_advisory_xact_lock(5277821, $1::integer) END`,
};

/**
 * The same for one lane, waiting for it (with a short lock_timeout): a lane that is enqueued into without a pause is
 * always locked by somebody, and would be skipped for ever. Index: primary key. Locks: one lane, holding no other row.
 */
export const CLAIM_LANE_WAITING: Statement = {
  name: 'claim_lane_waiting',
  text: `
  WITH ${PROVIDER_ROOM}
  SELECT ${LANE_COLUMNS}
    FROM lanes
   WHERE ${MAY_START}
   ORDER BY ${LANE_ORDER}
   LIMIT 1
     FOR UPDATE`,
};

/** Claims under the installation's limit follow each other. Locks: the installation's row, after the lanes. */
export const LOCK_INSTALLATION: Statement = {
  name: 'lock_installation',
  text: 'SELECT max_concurrent_builds FROM installation FOR NO KEY UPDATE',
};

/**
 * What runs in all tenants, under the lock above: no claim adds to it until we commit, and an end that is not committed
 * still counts. Scans the lanes, a row per tenant. Locks nothing.
 */
export const COUNT_RUNNING: Statement = {
  name: 'count_running',
  text: 'SELECT coalesce(sum(running), 0)::integer AS running FROM lanes',
};

/** What a claim that was not filled left behind: all, what a limit holds, and whether there is more to start. Scans the lanes. Locks nothing. */
export const CLAIM_LEFT: Statement = {
  name: 'claim_left',
  text: `
  WITH ${PROVIDER_ROOM}
  SELECT coalesce(sum(queued), 0)::integer AS queued,
         coalesce(sum(queued) FILTER (WHERE ${MAY_CLAIM} AND NOT may_start), 0)::integer AS skipped,
         coalesce(bool_or(may_start), false) AS ready
    FROM (SELECT queued, ${MAY_START} AS may_start FROM lanes WHERE queued > 0) waiting`,
};

/**
 * The heads of each locked lane, as many as were allotted, with what decides whether they may start. Indexes:
 * builds_claim, one range per lane, in its order; project_lanes' key; build_executions_key. Locks: the heads, skipping
 * locked ones (only an outsider can hold one: their lane is ours). Project lanes and keys only change under lanes that
 * we hold.
 */
export const CLAIM_HEADS: Statement = {
  name: 'claim_heads',
  text: `
  SELECT h.id, l.tenant_id, h.project_id, h.cpu_millis, h.memory_bytes, h.concurrency_key,
         j.max_running AS project_limit, j.running AS project_running,
         CASE WHEN h.concurrency_key IS NULL THEN false ELSE EXISTS (
           SELECT 1 FROM build_executions e
            WHERE e.concurrency_group = h.project_id || ':' || h.concurrency_key AND e.finished_at IS NULL) END AS key_busy
    FROM unnest($1::uuid[], $2::integer[]) WITH ORDINALITY AS l (tenant_id, takes, position)
   CROSS JOIN LATERAL (
     SELECT b.id, b.queue_key, b.project_id, b.cpu_millis, b.memory_bytes, b.concurrency_key
       FROM builds b
      WHERE b.tenant_id = l.tenant_id AND b.queue_key IS NOT NULL
      ORDER BY b.queue_key
      LIMIT l.takes
        FOR UPDATE SKIP LOCKED) h
    LEFT JOIN project_lanes j ON j.project_id = h.project_id
   ORDER BY l.position, h.queue_key`,
};

/** What a claimer has to know about a build, from aliases `c` (build with its execution) and the joined ones. */
const CLAIMED_COLUMNS = `
  c.execution_id, c.claim_token, c.id AS build_id, c.tenant_id, c.project_id, c.build_number, c.attempt, c.bounces,
  c.build_method, c.infrastructure_type, c.requested_provider_id, c.git_branch, c.git_commit, c.image_repository,
  c.build_timeout_minutes, c.start_limit_minutes, c.traceparent, c.cpu_millis, c.memory_bytes, c.cpu_limit_millis,
  c.memory_limit_bytes, c.ephemeral_storage_bytes, c.ephemeral_storage_limit_bytes, c.workspace_bytes,
  greatest(0, extract(epoch FROM clock_timestamp() - c.queued_at)::double precision) AS waited_seconds,
  to_jsonb(g) - 'build_id' - 'build_method' AS config,
  s.git_repository_url, s.registry_auth_id, s.repository_auth_id, s.request -> 'requirements' AS requirements, t.tekton_enabled, t.allowed_methods`;

/**
 * Everything that a claim changes, for all builds at once: builds, executions, lanes, project lanes, events. Indexes:
 * primary keys. Locks: the lanes and builds are locked already; project lanes; the execution rows are new.
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
    INSERT INTO build_executions (id, build_id, tenant_id, attempt, state, owner, claim_token, cpu_millis, memory_bytes,
                                  concurrency_group)
    SELECT execution_id, id, tenant_id, attempt, 'placing', $4, claim_token, cpu_millis, memory_bytes,
           project_id || ':' || concurrency_key
      FROM claimed
  ), lane AS (
    UPDATE lanes l
       SET queued = l.queued - n.taken, running = l.running + n.taken, running_cpu = l.running_cpu + n.cpu,
           running_memory = l.running_memory + n.memory, served_at = clock_timestamp(),
           served = ${SERVED('l')} + greatest(n.cpu / ${DEFAULT_CPU}, n.memory / ${DEFAULT_MEMORY}) / l.weight
      FROM (SELECT tenant_id, count(*)::integer AS taken, sum(cpu_millis)::bigint AS cpu,
                   sum(memory_bytes)::bigint AS memory
              FROM claimed GROUP BY tenant_id) n
     WHERE l.tenant_id = n.tenant_id
  ), project AS (
    UPDATE project_lanes j SET running = j.running + n.taken
      FROM (SELECT project_id, count(*)::integer AS taken FROM claimed GROUP BY project_id) n
     WHERE j.project_id = n.project_id
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
 * Takes heads that may not start out of the order: $1 builds, $2 reasons, $3 messages, $4 what wakes each. Index:
 * primary keys. Locks: nothing new; builds and lanes are locked already.
 */
export const PARK_HEADS: Statement = {
  name: 'park_heads',
  text: `
  WITH blocked AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS h (build_id, reason, message, wake_on)
  ), parked AS (
    UPDATE builds b
       SET queue_key = NULL, parked = h.reason, parked_message = h.message, parked_wake_at = NULL, parked_wake_on = h.wake_on
      FROM blocked h
     WHERE b.id = h.build_id AND b.queue_key IS NOT NULL
    RETURNING b.id, b.tenant_id, b.parked, b.parked_message
  ), lane AS (
    UPDATE lanes l
       SET queued = l.queued - n.parked, parked = l.parked + n.parked
      FROM (SELECT tenant_id, count(*)::integer AS parked FROM parked GROUP BY tenant_id) n
     WHERE l.tenant_id = n.tenant_id
  )
  INSERT INTO build_events (build_id, tenant_id, subject, to_state, reason, message, actor)
  SELECT id, tenant_id, 'waiting', parked, parked, parked_message, 'system' FROM parked`,
};
