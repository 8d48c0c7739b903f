import type { Statement } from '../database/transaction.js';

/* SQL of the logs. Lock order: shard (shared) → cursors in the order of their keys. */

/** Index: primary key of cluster_shards. Locks: the shard, shared: it cannot change hands while the batch is written. */
export const LOG_FENCE = `
  SELECT 1 FROM cluster_shards WHERE provider_id = $1 AND host = $2 AND shard = $3 AND token = $4 FOR SHARE`;

/** Index: primary key. Locks: the cursors that are new. */
export const ENSURE_CURSORS = `
  INSERT INTO build_log_cursors (execution_id, step, task, step_name, ordinal, day, token)
  SELECT c.execution_id, c.step, c.task, c.step_name, c.ordinal, e.log_day, $6::uuid
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::integer[])
      AS c (execution_id, step, task, step_name, ordinal)
    JOIN build_executions e ON e.id = c.execution_id
     AND e.provider_id = $7 AND e.host = $8 AND e.shard = $9 AND e.log_day IS NOT NULL
   ORDER BY c.execution_id, c.step
      ON CONFLICT DO NOTHING`;

/** Cursors of executions on the fence's shard. Index: primary keys. Locks: the cursors, in the order of their keys. */
export const LOCK_CURSORS = `
  SELECT c.execution_id, c.step, c.day, c.next_seq, c.byte_offset, c.line_offset, c.last_time, c.last_time_count, c.gaps, c.ended_at
    FROM unnest($1::uuid[], $2::text[]) AS k (execution_id, step)
    JOIN build_log_cursors c ON c.execution_id = k.execution_id AND c.step = k.step
    JOIN build_executions e ON e.id = c.execution_id AND e.provider_id = $3 AND e.host = $4 AND e.shard = $5
   ORDER BY c.execution_id, c.step
     FOR UPDATE OF c`;

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

/** Index: primary key. Locks: nothing new; the cursors are locked already. */
export const MOVE_CURSORS = `
  UPDATE build_log_cursors c
     SET token = $8::uuid, next_seq = m.next_seq, byte_offset = m.byte_offset, line_offset = m.line_offset,
         last_time = m.last_time, last_time_count = m.last_time_count, gaps = c.gaps + m.gaps
    FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::text[], $7::integer[], $9::integer[])
      AS m (execution_id, step, next_seq, byte_offset, line_offset, last_time, last_time_count, gaps)
   WHERE c.execution_id = m.execution_id AND c.step = m.step`;

/** Index: primary key. Locks: the cursor. */
export const END_CURSOR = `
  UPDATE build_log_cursors SET ended_at = coalesce(ended_at, now()), token = $3 WHERE execution_id = $1 AND step = $2`;

/** Index: primary key. Locks nothing. */
export const READ_CURSOR = `
  SELECT day, byte_offset, line_offset, last_time, last_time_count, ended_at
    FROM build_log_cursors WHERE execution_id = $1 AND step = $2`;

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
