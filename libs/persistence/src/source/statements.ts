import { lastHeld } from './postgres-source-holds.js';

/** What a clusters' file declares, as rows of the parameter. */
const DECLARED = `jsonb_to_recordset($1::jsonb) AS d(id uuid, name text, type text, config jsonb,
            region text, capabilities text[], labels jsonb, "limit" integer, is_default boolean, ref jsonb)`;

/**
 * What of a row's own settings stays when its source is read again: the fields of $2, an administrator's. Endpoint and CA
 * too, while the cloud is asked for them by the same names: of another cluster they would be the wrong place for a token.
 */
const KEPT = `(SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(own.settings)
             WHERE key = ANY ($2::text[])
                OR key IN ('endpoint', 'ca_cert') AND own.source_ref->'describe' = d.ref->'describe')`;

/** Always later than before, to the millisecond: the ETag is made of it. */
const TOUCH = `greatest(clock_timestamp(), p.updated_at + interval '1 millisecond')`;

/** Providers of other sources that have a name of the file. Index: providers_name. */
export const TAKEN_NAMES = `
  SELECT p.name, p.source, p.id FROM providers p
   WHERE lower(p.name) = ANY (SELECT lower(name) FROM unnest($1::text[]) AS name) AND p.source <> 'file'`;

/**
 * The default is the file's: of another source only when the file names one. Index: providers_default. Locks: the row.
 */
export const CLEAR_DEFAULT = `
  UPDATE providers p SET is_default = false, updated_at = ${TOUCH}
   WHERE p.is_default AND p.id IS DISTINCT FROM $1::uuid AND ($1::uuid IS NOT NULL OR p.source = 'file')`;

/**
 * Makes and changes rows. A changed config or type is a new generation, which replaces pooled connections; a row that was
 * retired comes back in the state that it had. A row that says the same is not written. Index: the key. Locks: the rows,
 * in the order of their ids.
 */
export const UPSERT_DECLARED = `
  WITH declared AS (
    SELECT d.*, ${KEPT} || d.config AS settings
      FROM ${DECLARED} LEFT JOIN providers own ON own.id = d.id)
  INSERT INTO providers AS p (id, name, provider_type, source, settings, region, capabilities, labels, is_default,
                              source_ref, health, tekton_answers, shard_count)
  SELECT id, name, type, 'file', settings, region, capabilities, labels, is_default, ref,
         CASE WHEN type = 'local' THEN 'healthy' ELSE 'unknown' END, type = 'local', CASE WHEN type = 'local' THEN 1 ELSE 8 END
    FROM declared ORDER BY id
      ON CONFLICT (id) DO UPDATE
     SET name = excluded.name, provider_type = excluded.provider_type, settings = excluded.settings,
         region = excluded.region, capabilities = excluded.capabilities, labels = excluded.labels,
         is_default = excluded.is_default, source_ref = excluded.source_ref, retired_at = NULL, retired_state = NULL,
         state = CASE WHEN p.retired_at IS NULL THEN p.state ELSE coalesce(p.retired_state, 'enabled') END,
         generation = p.generation + ((p.settings, p.provider_type) IS DISTINCT FROM (excluded.settings, excluded.provider_type))::integer,
         probe_due_at = now(), detect_due_at = now(), updated_at = ${TOUCH}
   WHERE (p.name, p.provider_type, p.settings, p.region, p.capabilities, p.labels, p.is_default, p.source_ref)
         IS DISTINCT FROM (excluded.name, excluded.provider_type, excluded.settings, excluded.region,
                           excluded.capabilities, excluded.labels, excluded.is_default, excluded.source_ref)
      OR p.retired_at IS NOT NULL
  RETURNING p.id, p.name, (xmax = 0) AS created`;

/** Limits that the file names; one that it does not name stays as admins set it. Index: the key. Locks: the rows. */
export const SET_LIMITS = `
  UPDATE providers p SET max_concurrent_builds = d."limit", updated_at = ${TOUCH}
    FROM ${DECLARED}
   WHERE p.id = d.id AND d."limit" IS NOT NULL AND p.max_concurrent_builds <> d."limit"
  RETURNING p.name`;

/**
 * Rows of the file that it no longer names: nothing new is placed there, what runs there is finished. Never deleted here.
 * Locks: the rows; a placement that has the lock goes first, and what it placed is finished too.
 */
export const RETIRE_VANISHED = `
  UPDATE providers p SET retired_at = now(), retired_state = p.state, state = 'draining', drain_deadline_at = NULL,
         is_default = false, updated_at = ${TOUCH}
   WHERE p.source = 'file' AND p.retired_at IS NULL AND NOT (p.id = ANY ($1::uuid[]))
  RETURNING p.id, p.name`;

/** Retired rows on which nothing is left, from reserved to swept. Index: build_executions by provider. Locks: the rows. */
export const DISABLE_RETIRED = `
  UPDATE providers p SET state = 'disabled', updated_at = ${TOUCH}
   WHERE p.retired_at IS NOT NULL AND p.state = 'draining'
     AND NOT EXISTS (SELECT 1 FROM build_executions e
                      WHERE e.provider_id = p.id AND e.state <> 'placing' AND e.state <> 'released' AND e.swept_at IS NULL)
  RETURNING p.name`;

/** The one row about the file. Index: the key. Locks: the row. */
export const STORE_APPLIED = `
  INSERT INTO config_file AS c (path, hash, settings, refused, applied_at, applied_by)
  VALUES ($1, $2, $3, $4, now(), $5)
      ON CONFLICT (singleton) DO UPDATE
     SET path = excluded.path, hash = excluded.hash, settings = excluded.settings, refused = excluded.refused,
         applied_at = CASE WHEN c.hash IS DISTINCT FROM excluded.hash THEN now() ELSE c.applied_at END,
         applied_by = CASE WHEN c.hash IS DISTINCT FROM excluded.hash THEN excluded.applied_by ELSE c.applied_by END,
         rejected_hash = NULL, rejected_at = NULL, rejected_by = NULL, problems = '[]', check_due_at = now(),
         stale_hash = CASE WHEN c.stale_by = excluded.applied_by THEN NULL ELSE c.stale_hash END`;

/** Contents that were in force and are remembered: those that came first are forgotten. */
const MOST_CONTENTS = 1_000;

/** A content was in force from now on. Index: the key. Locks: its row. */
export const REMEMBER_CONTENT = `
  WITH forgotten AS (
    DELETE FROM config_file_contents
     WHERE hash IN (SELECT hash FROM config_file_contents ORDER BY first_applied_at DESC OFFSET ${MOST_CONTENTS}))
  INSERT INTO config_file_contents (hash) VALUES ($1) ON CONFLICT (hash) DO NOTHING`;

/** When the content in force was held last. */
const HELD_AT = lastHeld(`'file'`, 'c.hash');

/**
 * Notes that the process $2 has started with the content $1, which was in force and is not any more; nothing when it is new
 * or in force, or when nobody has held the content in force since $3. Index: the keys. Locks: the row.
 */
export const STORE_STALE = `
  UPDATE config_file c SET stale_hash = $1, stale_by = $2, stale_at = now()
   WHERE c.hash <> $1 AND EXISTS (SELECT 1 FROM config_file_contents k WHERE k.hash = $1)
     AND ${HELD_AT} IS DISTINCT FROM $3
  RETURNING ${HELD_AT} AS held_at`;

/** Who holds the content in force says so at least so often. */
const HELD_WITHIN = '1 minute';

/**
 * The look at the file's clusters, for one process per interval: of those that hold the content in force while there are
 * any, else of all. Index: the keys. Locks: the row.
 */
export const CLAIM_CHECK = `
  UPDATE config_file c SET check_due_at = now() + make_interval(secs => $1 / 1000.0)
   WHERE c.check_due_at <= now()
     AND (c.hash = $2 OR NOT EXISTS (SELECT 1 FROM source_holds h
           WHERE h.source = 'file' AND h.content = c.hash AND h.held_at > clock_timestamp() - interval '${HELD_WITHIN}'))
  RETURNING c.singleton`;

/** What is in force stays; what is wrong is kept beside it. Index: the key. Locks: the row. */
export const STORE_REJECTED = `
  INSERT INTO config_file AS c (path, rejected_hash, rejected_at, rejected_by, problems)
  VALUES ($1, $2, now(), $3, $4)
      ON CONFLICT (singleton) DO UPDATE
     SET rejected_hash = excluded.rejected_hash, rejected_by = excluded.rejected_by, problems = excluded.problems,
         rejected_at = CASE WHEN c.rejected_hash IS DISTINCT FROM excluded.rejected_hash THEN now() ELSE c.rejected_at END`;
