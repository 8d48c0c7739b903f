import { hasLease, isJudgedTime } from './judged-time.js';

/** Index: primary key. Locks: its new row. */
export const REGISTER = `
  INSERT INTO dispatchers (id, host, version, slots, lease_until)
  VALUES ($1, $2, $3, $4, clock_timestamp() + $5::integer * interval '1 millisecond')
  RETURNING clock_timestamp() AS database_now`;

/**
 * One renewal for everything that a dispatcher owns. No row is changed when its lease has lapsed: `lease_until` is then
 * NULL. Index: primary key; the list of the living scans a handful of rows. Locks: its own row.
 */
export const HEARTBEAT = `
  WITH renewed AS (
    UPDATE dispatchers
       SET heartbeat_at = clock_timestamp(),
           lease_until = clock_timestamp() + $2::integer * interval '1 millisecond',
           slots_used = $3,
           metrics = $4::jsonb,
           unreachable_providers = $5::uuid[],
           state = CASE WHEN $6::boolean THEN 'stopping' ELSE state END
     WHERE id = $1 AND state <> 'stopped' AND lease_until > clock_timestamp()
    RETURNING id, host, state, lease_until
  ), live AS (
    SELECT id, host FROM renewed WHERE state = 'running'
    UNION
    SELECT id, host FROM dispatchers d WHERE id <> $1 AND state = 'running' AND ${hasLease('d')}
  )
  SELECT (SELECT lease_until FROM renewed) AS lease_until,
         clock_timestamp() AS database_now,
         (SELECT dispatch_paused FROM installation) AS paused,
         coalesce((SELECT jsonb_agg(jsonb_build_object('id', id, 'host', host) ORDER BY id) FROM live), '[]') AS live`;

/**
 * Only for a dispatcher that has stopped working on its shards: they are free at once. Index: primary key,
 * cluster_shards_owner. Locks: the shards in the order of their keys, as batches of writes do, and the dispatcher's row.
 */
export const DEREGISTER = `
  WITH own AS MATERIALIZED (
    SELECT provider_id, host, shard FROM cluster_shards WHERE owner = $1 ORDER BY provider_id, host, shard FOR UPDATE
  ), freed AS (
    UPDATE cluster_shards s SET owner = NULL, token = NULL, freed_at = clock_timestamp()
      FROM own WHERE s.provider_id = own.provider_id AND s.host = own.host AND s.shard = own.shard
  )
  UPDATE dispatchers SET state = 'stopped', lease_until = clock_timestamp(), slots_used = 0 WHERE id = $1`;

/**
 * Rows of dispatchers whose lease ended over an hour before the judge's time $1 and which nothing names any more: whoever is
 * not there is dead to every reader. Index: a scan of the few rows; cluster_shards_owner, build_executions_placing. Locks:
 * the rows deleted, passing over locked ones.
 */
export const FORGET_GONE = `
  DELETE FROM dispatchers WHERE id IN (
    SELECT d.id FROM dispatchers d
     WHERE d.lease_until < clock_timestamp() - interval '1 hour' AND ${isJudgedTime('$1')}
       AND NOT EXISTS (SELECT 1 FROM cluster_shards s WHERE s.owner = d.id)
       AND NOT EXISTS (SELECT 1 FROM build_executions e
                        WHERE e.owner = d.id AND e.provider_id IS NULL AND e.finished_at IS NULL)
       FOR UPDATE OF d SKIP LOCKED)
  RETURNING 1`;

/** Eight rows a cluster, most of which are wanted: a scan. Locks nothing. */
export const LIST_SHARDS = `
  SELECT s.provider_id, s.host, s.shard, s.owner, s.token,
         EXISTS (SELECT 1 FROM dispatchers d
                  WHERE d.id = s.owner AND d.state <> 'stopped' AND ${hasLease('d')}) AS owner_alive
    FROM cluster_shards s
   ORDER BY s.provider_id, s.host, s.shard`;

/** Index: primary key. Locks: new rows, and KEY SHARE on the provider. */
export const ENSURE_SHARDS = `
  INSERT INTO cluster_shards (provider_id, host, shard)
  SELECT $1, $2, n FROM generate_series(0, $3::integer - 1) AS n
      ON CONFLICT DO NOTHING`;

/**
 * Free shards and, when the judge's time $6 is right, those of dead owners, to a dispatcher whose own lease is good. Index: primary key of cluster_shards,
 * then of dispatchers. Locks: the shards taken; SKIP LOCKED, so that two adopters share the work.
 */
export const ACQUIRE_SHARDS = `
  WITH free AS MATERIALIZED (
    SELECT s.provider_id, s.host, s.shard
      FROM cluster_shards s
     WHERE s.provider_id = $2 AND s.host = $3 AND s.shard = ANY ($4::integer[])
       AND (s.owner IS NULL OR ${isJudgedTime('$6')} AND NOT EXISTS (
         SELECT 1 FROM dispatchers d WHERE d.id = s.owner AND d.state <> 'stopped' AND ${hasLease('d')}))
       AND EXISTS (SELECT 1 FROM dispatchers me WHERE me.id = $1 AND me.state = 'running' AND ${hasLease('me')})
     ORDER BY s.shard
     LIMIT $5
       FOR UPDATE OF s SKIP LOCKED
  )
  UPDATE cluster_shards s
     SET owner = $1, token = gen_random_uuid(), acquired_count = acquired_count + 1, acquired_at = clock_timestamp()
    FROM free
   WHERE s.provider_id = free.provider_id AND s.host = free.host AND s.shard = free.shard
  RETURNING s.shard, s.token`;

/**
 * SQL for `own`: the shards $1 to $3 that are held under the tokens $4, locked in the order of their keys, as batches of
 * writes do. A batch that is under way behind one of them is waited for. Index: primary key.
 */
export const OWN_SHARDS = `
  WITH own AS MATERIALIZED (
    SELECT s.provider_id, s.host, s.shard
      FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::uuid[]) AS l (provider_id, host, shard, token)
      JOIN cluster_shards s
        ON s.provider_id = l.provider_id AND s.host = l.host AND s.shard = l.shard AND s.token = l.token
     ORDER BY s.provider_id, s.host, s.shard
       FOR UPDATE OF s
  )`;

/** Index: primary key. Locks: the shards given up (OWN_SHARDS). */
export const RELEASE_SHARDS = `${OWN_SHARDS}
  UPDATE cluster_shards s SET owner = NULL, token = NULL, freed_at = clock_timestamp()
    FROM own WHERE s.provider_id = own.provider_id AND s.host = own.host AND s.shard = own.shard`;

/** Index: cluster_shards_owner. Locks nothing. */
export const FIND_HELD = 'SELECT provider_id, host, shard, token FROM cluster_shards WHERE owner = $1';
