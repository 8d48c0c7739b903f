import { hasLease } from './judged-time.js';
import { OWN_SHARDS } from './statements.js';

/**
 * SQL for "this is the database that the clusters were compared with": its whole identity, which a claim and a placement ask
 * themselves, because a process learns of a failover only with its next heartbeat. Index: a single row. Locks nothing.
 */
export const IS_TRUSTED = `(
     SELECT database_identity IS NULL OR database_identity = database_identity() FROM installation)`;

/** SQL for "builds may be claimed". Index: a single row. Locks nothing. */
export const MAY_CLAIM = `(NOT (SELECT dispatch_paused FROM installation) AND ${IS_TRUSTED})`;

/** Index: a single row. Locks nothing. */
export const LOOK_AT_DATABASE = `
  SELECT database_identity() AS identity, database_identity AS trusted, pg_postmaster_start_time()::text AS started
    FROM installation`;

/** The first process of an installation trusts its database. Index: a single row. Locks: that. */
export const TRUST_FIRST = 'UPDATE installation SET database_identity = $1 WHERE database_identity IS NULL';

/** Nothing that was compared counts any more. Index: single row; a few hundred shards at most. Locks: those rows. */
export const DISTRUST = `
  WITH held AS (
    UPDATE installation SET database_identity = 'distrusted' WHERE database_identity = $1
    RETURNING 1
  ), own AS MATERIALIZED (
    SELECT provider_id, host, shard FROM cluster_shards ORDER BY provider_id, host, shard FOR UPDATE
  )
  UPDATE cluster_shards s SET compared_identity = NULL
    FROM own WHERE s.provider_id = own.provider_id AND s.host = own.host AND s.shard = own.shard
     AND EXISTS (SELECT 1 FROM held)`;

/** Shards that are still held under these tokens. Index: primary key. Locks: the shards (OWN_SHARDS). */
export const MARK_COMPARED = `${OWN_SHARDS}
  UPDATE cluster_shards s SET compared_identity = $5
    FROM own WHERE s.provider_id = own.provider_id AND s.host = own.host AND s.shard = own.shard`;

/** Tokens of shards of the dispatcher $1 that were not compared with $2. Index: cluster_shards_owner. Locks nothing. */
export const FIND_UNCOMPARED =
  'SELECT token FROM cluster_shards WHERE owner = $1 AND compared_identity IS DISTINCT FROM $2';

/**
 * Trusts the database $1 when every shard was compared with it that may have something newer on it. Not waited for: a
 * disabled provider, on which nothing was placed that was lost; a host without a dispatcher; and the providers $2, which
 * are lost for every dispatcher: the attempts on them are given up too. Index: a few hundred shards are scanned. Locks:
 * the installation's row.
 */
export const TRUST_COMPARED = `
  UPDATE installation SET database_identity = $1
   WHERE database_identity IS DISTINCT FROM $1 AND NOT EXISTS (
     SELECT 1
       FROM cluster_shards s
       JOIN providers p ON p.id = s.provider_id
      WHERE s.compared_identity IS DISTINCT FROM $1
        AND p.state <> 'disabled'
        AND s.provider_id <> ALL ($2::uuid[])
        AND (s.host = '' OR EXISTS (
          SELECT 1 FROM dispatchers d
           WHERE d.host = s.host AND d.state = 'running' AND ${hasLease('d')})))
  RETURNING 1`;
