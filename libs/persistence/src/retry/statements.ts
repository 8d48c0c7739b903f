import type { Statement } from '../database/transaction.js';
import { NOT_RELEASED } from '../execution/not-released.js';
import { mayBeUsedBy } from '../queue/provider-room.js';

/* SQL about attempts that ended and registries that are held. None of it takes a lock that another room takes. */

/**
 * How earlier attempts of a build ended. Those that a drain moved count for nothing: the time runs from the first other
 * one, and what they took since then is left out. Index: build_executions_attempt. Locks nothing.
 */
export const ENDED_ATTEMPTS: Statement = {
  name: 'ended_attempts',
  text: `
  WITH attempts AS (
    SELECT failure_class, claimed_at, finished_at, reason IS NOT DISTINCT FROM 'Drain' AS moved,
           min(claimed_at) FILTER (WHERE reason IS DISTINCT FROM 'Drain') OVER () AS first_at
      FROM build_executions e
     WHERE e.build_id = $1 AND ${NOT_RELEASED}
  )
  SELECT failure_class, (count(*) FILTER (WHERE NOT moved))::integer AS ended,
         (count(*) FILTER (WHERE moved))::integer AS moved,
         coalesce(extract(epoch FROM now() - min(first_at)) * 1000, 0)::double precision AS elapsed_ms,
         coalesce(extract(epoch FROM sum(finished_at - claimed_at) FILTER (WHERE moved AND claimed_at > first_at)) * 1000,
                  0)::double precision AS moved_ms
    FROM attempts
   GROUP BY failure_class`,
};

/**
 * Providers on which attempts of a build ended so that the next goes elsewhere, with the nodes where they were, the last
 * one first. Index: build_executions_attempt. Locks nothing.
 */
export const AVOIDED_PLACES: Statement = {
  name: 'avoided_places',
  text: `
  SELECT provider_id, max(attempt) AS attempt, (array_agg(reason ORDER BY attempt DESC))[1] AS reason,
         coalesce(array_agg(node_name ORDER BY attempt DESC) FILTER (WHERE node_name IS NOT NULL), '{}') AS nodes
    FROM build_executions
   WHERE build_id = $1 AND avoided AND provider_id IS NOT NULL
   GROUP BY provider_id`,
};

/**
 * What an attempt was given and its build may be given, with the memory of the largest node of all clusters that its
 * tenant may use; null when one of them has not shown its nodes, or there is none. Index: primary keys; the providers
 * are scanned. Locks nothing.
 */
export const GIVEN_TO_ATTEMPT = `
  SELECT b.memory_bytes, b.memory_limit_bytes, t.max_memory,
         (SELECT CASE WHEN count(*) = count(n.bytes) THEN max(n.bytes) END
            FROM (SELECT (p.detected #>> '{largestNode,memoryBytes}')::double precision AS bytes
                    FROM providers p
                   WHERE p.provider_type <> 'local' AND p.retired_at IS NULL AND p.state <> 'disabled'
                     AND ${mayBeUsedBy('t.id')}) n) AS largest_node_bytes,
         b.ephemeral_storage_bytes, e.ephemeral_storage_limit_bytes,
         t.max_ephemeral_storage, e.workspace_bytes, t.max_workspace_size
    FROM build_executions e JOIN builds b ON b.id = e.build_id JOIN tenants t ON t.id = e.tenant_id
   WHERE e.id = $1`;

/**
 * What a build requested when it succeeded of that which it had run out of; never less than is known. Index: primary
 * keys, build_executions_attempt. Locks: the project, holding nothing else.
 */
export const LEARN_RESOURCES = `
  WITH ran_out AS (
    SELECT array_agg(DISTINCT reason) AS reasons
      FROM build_executions
     WHERE build_id = $2 AND provider_id IS NOT NULL AND failure_class = 'resource' AND retry_decision = 'retry'
  )
  UPDATE projects p
     SET learned_memory_bytes = greatest(p.learned_memory_bytes,
           CASE WHEN 'StepOutOfMemory' = ANY (r.reasons) THEN b.memory_bytes END),
         learned_ephemeral_storage_bytes = greatest(p.learned_ephemeral_storage_bytes,
           CASE WHEN 'EphemeralStorageExceeded' = ANY (r.reasons) THEN b.ephemeral_storage_bytes END),
         learned_workspace_bytes = greatest(p.learned_workspace_bytes,
           CASE WHEN 'WorkspaceFull' = ANY (r.reasons) THEN b.workspace_bytes END)
    FROM ran_out r, builds b
   WHERE p.id = $1 AND b.id = $2 AND b.status = 'completed' AND r.reasons IS NOT NULL`;

/** A registry's row. Index: primary key. Locks: nothing that lasts. */
export const MAKE_REGISTRY = 'INSERT INTO registry_holds (registry) VALUES ($1) ON CONFLICT (registry) DO NOTHING';

/**
 * Whether the build $3 is held already, or only others are. Index: primary keys. Locks: the registry's row, so that one
 * hold is made by however many dispatchers.
 */
export const LOCK_REGISTRY = `
  SELECT level, held_until, coalesce(held_until > now(), false) AS held_for_some,
         coalesce(held_until > now(), false)
           AND coalesce(tenant_id = (SELECT tenant_id FROM builds WHERE id = $3), true) AS held,
         coalesce(held_until > now() - $2::double precision * interval '1 millisecond', false) AS recent
    FROM registry_holds WHERE registry = $1 FOR UPDATE`;

/** One build counts once. Index: primary key of registry_troubles. Locks: its rows; the registry is locked already. */
export const NOTE_TROUBLE = `
  WITH old AS (
    DELETE FROM registry_troubles
     WHERE registry = $1 AND build_id <> $2 AND met_at < now() - $3::double precision * interval '1 millisecond'
  )
  INSERT INTO registry_troubles (registry, build_id) VALUES ($1, $2)
      ON CONFLICT (registry, build_id) DO UPDATE SET met_at = now()`;

/** Builds that met it, and whose they are when all are one tenant's. Index: primary keys. Locks nothing. */
export const COUNT_TROUBLES = `
  SELECT count(*)::integer AS builds,
         CASE WHEN count(DISTINCT b.tenant_id) = 1 THEN min(b.tenant_id::text) END AS tenant_id
    FROM registry_troubles t JOIN builds b ON b.id = t.build_id
   WHERE t.registry = $1 AND t.met_at >= now() - $2::double precision * interval '1 millisecond'`;

/** Begins a hold; what led to it is not counted again. Index: primary keys. Locks: nothing new. */
export const HOLD_REGISTRY = `
  WITH counted AS (DELETE FROM registry_troubles WHERE registry = $1)
  UPDATE registry_holds
     SET level = $2, builds = $3, held_at = now(), held_until = now() + $4::double precision * interval '1 millisecond',
         message = $5, tenant_id = $6::uuid
   WHERE registry = $1
  RETURNING held_until`;

/** A table of a few rows, scanned. Locks nothing. */
export const FIND_HOLDS = `
  SELECT registry, held_until, message, tenant_id FROM registry_holds WHERE held_until > now()`;
