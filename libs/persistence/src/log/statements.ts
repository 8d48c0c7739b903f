import type { Statement } from '../database/transaction.js';

/*
 * SQL of the logs. Lock order: shards (shared) → cursors in the order of their keys. Those that somebody else locks are
 * left out: they must not hold up the logs of all others.
 */

/** What is flushed, one row each: of which execution and step, and behind which fence. */
const FLUSHED = `unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::integer[], $6::uuid[])
           AS k (execution_id, step, provider_id, host, shard, token)`;

/**
 * Cursors of steps that begin, where the fence holds and the execution is on its shard. Runs behind LOCK_FREE_SHARDS: a shard
 * whose token fits cannot change hands any more. Index: primary keys. Locks: the cursors that are new; shards as before.
 */
export const ENSURE_CURSORS: Statement = {
  name: 'ensure_log_cursors',
  text: `
  INSERT INTO build_log_cursors (execution_id, step, task, step_name, ordinal, day, token)
  SELECT k.execution_id, k.step, k.task, k.step_name, k.ordinal, e.log_day, k.token
    FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::integer[], $6::uuid[], $7::text[], $8::text[], $9::integer[])
      AS k (execution_id, step, provider_id, host, shard, token, task, step_name, ordinal)
    JOIN cluster_shards s ON s.provider_id = k.provider_id AND s.host = k.host AND s.shard = k.shard AND s.token = k.token
    JOIN build_executions e ON e.id = k.execution_id
     AND e.provider_id = k.provider_id AND e.host = k.host AND e.shard = k.shard AND e.log_day IS NOT NULL
   ORDER BY k.execution_id, k.step
     FOR SHARE OF s SKIP LOCKED
      ON CONFLICT DO NOTHING`,
};

const CURSORS_ON_SHARDS = `
    FROM ${FLUSHED}
    JOIN build_log_cursors c ON c.execution_id = k.execution_id AND c.step = k.step
    JOIN build_executions e ON e.id = c.execution_id
     AND e.provider_id = k.provider_id AND e.host = k.host AND e.shard = k.shard`;

/**
 * Cursors of executions on their fences' shards that nobody else locks. Index: primary keys. Locks: the cursors, in the
 * order of their keys, skipping locked ones.
 */
export const LOCK_CURSORS: Statement = {
  name: 'lock_log_cursors',
  text: `
  SELECT c.execution_id, c.step, c.day, c.next_seq, c.byte_offset, c.line_offset, c.last_time, c.last_time_count, c.gaps, c.ended_at
   ${CURSORS_ON_SHARDS}
   ORDER BY c.execution_id, c.step
     FOR UPDATE OF c SKIP LOCKED`,
};

/** The same cursors, locked or not. Index: primary keys. Locks nothing. */
export const FIND_CURSORS: Statement = {
  name: 'find_log_cursors',
  text: `SELECT c.execution_id, c.step ${CURSORS_ON_SHARDS}`,
};

const CHUNK_COLUMNS = 10;

/** Rows of one INSERT_CHUNKS: a statement has at most 65,535 parameters. */
export const MAX_CHUNK_ROWS = 1_000;

/**
 * A row of parameters for each chunk: `data` goes over the wire as it is, which an array of bytea would not (it is sent as
 * text of twice the size). Index: primary key of the day's partition, which refuses a second chunk under one number.
 */
export function insertChunks(rows: number): string {
  const values = Array.from({ length: rows }, (_unused, row) => {
    const first = row * CHUNK_COLUMNS + 1;
    return `(${Array.from({ length: CHUNK_COLUMNS }, (_none, column) => `$${first + column}`).join(', ')})`;
  });
  return `
  INSERT INTO build_log_chunks (day, execution_id, step, seq, byte_offset, line_offset, line_count, raw_bytes, codec, data)
  VALUES ${values.join(', ')}`;
}

/** The chunks of a step from a number on. Index: primary key of one partition, from its end. Locks nothing. */
export const LAST_CHUNKS = `
  SELECT codec, data FROM build_log_chunks
   WHERE day = $1 AND execution_id = $2 AND step = $3 AND seq >= $4 ORDER BY seq`;

/** Index: primary key. Locks: nothing new; the cursors are locked already. */
export const MOVE_CURSORS: Statement = {
  name: 'move_log_cursors',
  text: `
  UPDATE build_log_cursors c
     SET token = m.token, next_seq = m.next_seq, byte_offset = m.byte_offset, line_offset = m.line_offset,
         last_time = m.last_time, last_time_count = m.last_time_count, gaps = c.gaps + m.gaps,
         ended_at = CASE WHEN m.ends THEN coalesce(c.ended_at, now()) ELSE c.ended_at END
    FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::text[], $7::integer[], $8::integer[],
                $9::uuid[], $10::boolean[])
      AS m (execution_id, step, next_seq, byte_offset, line_offset, last_time, last_time_count, gaps, token, ends)
   WHERE c.execution_id = m.execution_id AND c.step = m.step`,
};

/** Index: primary key. Locks nothing. */
export const READ_CURSOR = `
  SELECT day, byte_offset, line_offset, last_time, last_time_count, ended_at
    FROM build_log_cursors WHERE execution_id = $1 AND step = $2`;

/** Of many executions. Index: primary key. Locks nothing. */
export const READ_ALL_CURSORS: Statement = {
  name: 'read_log_cursors',
  text: `
  SELECT execution_id, step, day, byte_offset, line_offset, last_time, last_time_count, gaps, ended_at
    FROM build_log_cursors WHERE execution_id = ANY ($1::uuid[])`,
};

/** Index: primary key. Locks nothing. */
export const LIST_CURSORS = `
  SELECT task, step_name, ordinal, byte_offset, line_offset, gaps, ended_at
    FROM build_log_cursors WHERE execution_id = $1 ORDER BY ordinal, step`;

/** Where reading begins: the last chunk that starts at or before the byte. Index: primary key of one partition, from its end. */
export const FIRST_SEQ_BY_BYTE = `
  SELECT seq FROM build_log_chunks
   WHERE day = $1 AND execution_id = $2 AND step = $3 AND byte_offset < $4 ORDER BY seq DESC LIMIT 1`;

/** The same by line: strictly before, because a long line begins in a chunk in which no line ends. */
export const FIRST_SEQ_BY_LINE = `
  SELECT seq FROM build_log_chunks
   WHERE day = $1 AND execution_id = $2 AND step = $3 AND line_offset < $4 ORDER BY seq DESC LIMIT 1`;

/**
 * Up to $5 chunks, and none more after $6 bytes of text. The window moves pointers to the data, not the data itself.
 * Index: primary key of one partition. Locks nothing.
 */
export const READ_CHUNKS = `
  SELECT seq, byte_offset, line_offset, codec, data, found
    FROM (SELECT c.*, count(*) OVER ()::integer AS found, sum(raw_bytes) OVER (ORDER BY seq) - raw_bytes AS bytes_before
            FROM (SELECT seq, byte_offset, line_offset, raw_bytes, codec, data FROM build_log_chunks
                   WHERE day = $1 AND execution_id = $2 AND step = $3 AND seq >= $4 ORDER BY seq LIMIT $5) c) w
   WHERE bytes_before < $6
   ORDER BY seq`;

/**
 * Up to $2 cursors of days before $1. Index: build_log_cursors_day, then the rows by their place. Locks: the cursors,
 * skipping locked ones: another dispatcher deletes them.
 */
export const DELETE_CURSORS: Statement = {
  name: 'delete_cursors',
  text: `
  WITH gone AS (
    DELETE FROM build_log_cursors
     WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM build_log_cursors WHERE day < $1::date ORDER BY day LIMIT $2 FOR UPDATE SKIP LOCKED))
    RETURNING 1
  )
  SELECT count(*)::integer AS deleted FROM gone`,
};
