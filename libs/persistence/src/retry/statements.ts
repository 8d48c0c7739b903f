import type { Statement } from '../database/transaction.js';

/* SQL about attempts that ended and registries that are held. None of it takes a lock that another room takes. */

/** How earlier attempts of a build ended; those that a drain moved count for nothing. Index: build_executions_build. Locks nothing. */
export const ENDED_ATTEMPTS: Statement = {
  name: 'ended_attempts',
  text: `
  SELECT failure_class, (count(*) FILTER (WHERE reason IS DISTINCT FROM 'Drain'))::integer AS ended,
         (extract(epoch FROM now() - min(claimed_at)) * 1000)::double precision AS elapsed_ms
    FROM build_executions
   WHERE build_id = $1 AND state <> 'released'
   GROUP BY failure_class`,
};

/** Providers on which attempts of a build ended so that the next goes elsewhere. Index: build_executions_build. Locks nothing. */
export const AVOIDED_PROVIDERS: Statement = {
  name: 'avoided_providers',
  text: `
  SELECT DISTINCT ON (provider_id) provider_id, attempt, reason
    FROM build_executions
   WHERE build_id = $1 AND avoided AND provider_id IS NOT NULL
   ORDER BY provider_id, attempt DESC`,
};

/** What a build's pod was given and may be given. Index: primary keys. Locks nothing. */
export const MEMORY_OF_BUILD = `
  SELECT b.memory_bytes, b.memory_limit_bytes, t.max_memory
    FROM builds b JOIN tenants t ON t.id = b.tenant_id WHERE b.id = $1`;

/** Index: primary key. Locks: the project, holding nothing else. */
export const LEARN_MEMORY = `
  UPDATE projects SET learned_memory_bytes = $2
   WHERE id = $1 AND (learned_memory_bytes IS NULL OR learned_memory_bytes < $2)`;

/** A registry's row. Index: primary key. Locks: nothing that lasts. */
export const MAKE_REGISTRY = 'INSERT INTO registry_holds (registry) VALUES ($1) ON CONFLICT (registry) DO NOTHING';

/** Index: primary key. Locks: the registry's row, so that one hold is made by however many dispatchers. */
export const LOCK_REGISTRY = `
  SELECT level, held_until, coalesce(held_until > now(), false) AS held,
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

/** Index: primary key of registry_troubles. Locks nothing. */
export const COUNT_TROUBLES = `
  SELECT count(*)::integer AS builds FROM registry_troubles
   WHERE registry = $1 AND met_at >= now() - $2::double precision * interval '1 millisecond'`;

/** Begins a hold; what led to it is not counted again. Index: primary keys. Locks: nothing new. */
export const HOLD_REGISTRY = `
  WITH counted AS (DELETE FROM registry_troubles WHERE registry = $1)
  UPDATE registry_holds
     SET level = $2, builds = $3, held_at = now(), held_until = now() + $4::double precision * interval '1 millisecond',
         message = $5
   WHERE registry = $1
  RETURNING held_until`;

/** A table of a few rows, scanned. Locks nothing. */
export const FIND_HOLDS = `
  SELECT registry, builds, held_until, message FROM registry_holds WHERE held_until > now()`;
