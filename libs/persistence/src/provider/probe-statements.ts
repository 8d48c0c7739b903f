/**
 * Takes probes that are due. Index: providers has some hundreds of rows; a sequential scan. Locks: the rows that are
 * taken; locked ones are skipped. Disabled providers are left alone.
 */
export const CLAIM_DUE_PROBES = `
  UPDATE providers p
     SET probe_owner = $1,
         probe_due_at = now() + make_interval(secs => $2 / 1000.0 * (0.9 + 0.2 * random()))
   WHERE id IN (SELECT id FROM providers
                 WHERE probe_due_at <= now() AND state <> 'disabled'
                 ORDER BY probe_due_at LIMIT $4 FOR UPDATE SKIP LOCKED)
  RETURNING id, health, tekton_answers, health_streak,
            (detail_generation IS DISTINCT FROM generation
             OR detail_probed_at <= now() - make_interval(secs => $3 / 1000.0)) AS detailed`;

/**
 * What a probe leaves in the provider's row, unless its prober's turn is over or the provider has got another config or
 * credential since: what the old one could do and when it ends says nothing of the new one. The first loss stays until an
 * answer.
 * Index: the key. Locks: the row, in its FOR NO KEY UPDATE.
 */
export const RECORD_PROBE = `
  UPDATE providers
     SET health = $3, tekton_answers = $4, health_streak = $5, probed_at = now(),
         first_loss_at = CASE WHEN $6::boolean THEN coalesce(first_loss_at, now()) END,
         cluster_uid = coalesce($7, cluster_uid), last_probe = $8,
         credential_expires_at = coalesce($9, credential_expires_at),
         detail_probed_at = CASE WHEN $10::boolean THEN now() ELSE detail_probed_at END,
         detail_generation = CASE WHEN $10::boolean THEN generation ELSE detail_generation END,
         probe_due_at = least(probe_due_at, now() + make_interval(secs => $11::double precision / 1000.0))
   WHERE id = $1 AND probe_owner = $2 AND generation = $12
  RETURNING id`;

/** A probe of an older generation is made again at once. Index: the key. Locks: the row. */
export const PROBE_ANEW = `
  UPDATE providers SET probe_due_at = now() WHERE id = $1 AND probe_owner = $2 AND generation <> $3`;

/** Upserts Conditions; the time of a transition is kept while the status is the same. Index: the key. Locks: the rows. */
export const RECORD_CONDITIONS = `
  INSERT INTO provider_conditions AS c (provider_id, type, status, reason, message, last_transition_at)
  SELECT $1, one.type, one.status, one.reason, one.message, now()
    FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS one (type, status, reason, message)
   ORDER BY one.type
      ON CONFLICT (provider_id, type) DO UPDATE
     SET status = excluded.status, reason = excluded.reason, message = excluded.message,
         last_transition_at = CASE WHEN c.status = excluded.status THEN c.last_transition_at ELSE now() END
   WHERE (c.status, c.reason, c.message) IS DISTINCT FROM (excluded.status, excluded.reason, excluded.message)`;

/** Index: none is needed. Locks: the provider's row FOR KEY SHARE, by the foreign key. */
export const KEEP_PROBE = `
  INSERT INTO provider_probes (provider_id, probed_at, prober, verdict, reason, message, version_ms, tekton_ms, nodes_ms)
  VALUES ($1, clock_timestamp(), $2, $3, $4, $5, $6, $7, $8)`;

/** Probes before the last $2. Index: provider_probes_pkey. Locks: the rows. */
export const FORGET_PROBES = `
  DELETE FROM provider_probes
   WHERE provider_id = $1
     AND probed_at < (SELECT probed_at FROM provider_probes WHERE provider_id = $1
                       ORDER BY probed_at DESC OFFSET $2 LIMIT 1)`;

/**
 * Every provider whose watch went stale or came back, with its Condition. Index: a sequential scan of providers. Locks:
 * the rows that change, in the order of the scan; another writer of the same finds nothing left to change.
 */
export const RECORD_WATCH_STALENESS = `
  WITH changed AS (
    UPDATE providers SET watch_fresh = NOT watch_fresh
     WHERE watch_fresh = (id = ANY ($1::uuid[]))
    RETURNING id, watch_fresh)
  INSERT INTO provider_conditions AS c (provider_id, type, status, reason, message, last_transition_at)
  SELECT id, 'WatchFresh', CASE WHEN watch_fresh THEN 'True' ELSE 'False' END,
         CASE WHEN watch_fresh THEN 'WatchProgresses' ELSE 'WatchStale' END,
         CASE WHEN watch_fresh THEN 'The watches on the cluster make progress.' ELSE $2 END, now()
    FROM changed
      ON CONFLICT (provider_id, type) DO UPDATE
     SET status = excluded.status, reason = excluded.reason, message = excluded.message,
         last_transition_at = CASE WHEN c.status = excluded.status THEN c.last_transition_at ELSE now() END`;

/** The last probes, newest first. Index: provider_probes_pkey, backwards. No lock. */
export const LAST_PROBES = `
  SELECT probed_at, verdict, reason, message, version_ms, tekton_ms, nodes_ms
    FROM provider_probes WHERE provider_id = $1 ORDER BY probed_at DESC LIMIT $2`;
