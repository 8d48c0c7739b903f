import { constants, zstdCompress } from 'node:zlib';
import { promisify } from 'node:util';
import { DomainError, logStepKey } from '@image-factory/domain';
import type { Transaction } from '../database/database.js';
import type { Fenced, ShardLease } from '../lease/shard-lease.js';
import { packRecords, type PlainChunk } from './chunk-format.js';
import { cursorKey, lastTimeAfter, type CursorRow } from './log-cursor.js';
import { ENSURE_CURSORS, insertChunks, LOCK_CURSORS, LOG_FENCE, MAX_CHUNK_ROWS, MOVE_CURSORS } from './statements.js';
import type { LogBatch } from './stored-log.js';

const compress = promisify(zstdCompress);
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** A chunk as it is stored. */
interface StoredChunk extends Omit<PlainChunk, 'data'> {
  readonly codec: 'zstd' | 'none';
  readonly data: Buffer;
}

/** A batch that is packed and compressed, outside of any transaction. */
export interface PackedBatch {
  readonly batch: LogBatch;
  readonly chunks: readonly StoredChunk[];
  readonly rawBytes: number;
}

/** A batch that meets its cursor somewhere else than its writer believed. */
export interface CursorMismatch {
  readonly batch: LogBatch;
  readonly storedByteOffset: number;
}

/** Packs and compresses. Refuses two batches of one step: their order would not be said. */
export async function packBatches(batches: readonly LogBatch[]): Promise<PackedBatch[]> {
  const keys = new Set(batches.map(cursorKey));
  if (keys.size !== batches.length) throw new Error('a flush has at most one batch for each step');
  const sorted = [...batches].sort((a, b) => (cursorKey(a) < cursorKey(b) ? -1 : 1));
  return Promise.all(
    sorted.map(async (batch) => {
      const chunks = await Promise.all(packRecords(batch.records).map(toStored));
      return { batch, chunks, rawBytes: chunks.reduce((sum, chunk) => sum + chunk.rawBytes, 0) };
    }),
  );
}

async function toStored(chunk: PlainChunk): Promise<StoredChunk> {
  const data = await compress(chunk.data, ZSTD);
  return data.length < chunk.data.length ? { ...chunk, codec: 'zstd', data } : { ...chunk, codec: 'none' };
}

/**
 * One flush: the shard's token, then each step's cursor is compared and set (correctness rule 19). Nothing is written
 * when any cursor stands elsewhere: those are returned.
 */
export async function appendPacked(
  tx: Transaction,
  fence: ShardLease,
  packed: readonly PackedBatch[],
): Promise<Fenced | readonly CursorMismatch[]> {
  const held = await tx.query(LOG_FENCE, [fence.providerId, fence.host, fence.shard, fence.token]);
  if (held.length === 0) return 'lease-lost';
  const cursors = await lockCursors(
    tx,
    fence,
    packed.map(({ batch }) => batch),
  );
  const mismatches: CursorMismatch[] = [];
  for (const { batch } of packed) {
    const cursor = cursors.get(cursorKey(batch));
    if (cursor === undefined) return 'state-moved';
    if (cursor.byte_offset !== batch.expectedByteOffset) {
      mismatches.push({ batch, storedByteOffset: cursor.byte_offset });
    } else if (cursor.ended_at !== null) throw logConflict(batch, 'has ended already');
  }
  if (mismatches.length > 0) return mismatches;
  await storeChunks(tx, packed, cursors);
  await moveCursors(tx, fence, packed, cursors);
  return 'done';
}

/** Locks the cursors; rows that are missing are made first. A step whose execution is not on this shard has none. */
export async function lockCursors(
  tx: Transaction,
  fence: ShardLease,
  batches: readonly Pick<LogBatch, 'executionId' | 'step'>[],
): Promise<Map<string, CursorRow>> {
  const ids = batches.map((batch) => batch.executionId);
  const steps = batches.map((batch) => logStepKey(batch.step));
  const shard = [fence.providerId, fence.host, fence.shard];
  let rows = await tx.query<CursorRow>(LOCK_CURSORS, [ids, steps, ...shard]);
  if (rows.length < batches.length) {
    const tasks = batches.map((batch) => batch.step.task);
    const names = batches.map((batch) => batch.step.step);
    const ordinals = batches.map((batch) => batch.step.ordinal);
    await tx.query(ENSURE_CURSORS, [ids, steps, tasks, names, ordinals, fence.token, ...shard]);
    rows = await tx.query<CursorRow>(LOCK_CURSORS, [ids, steps, ...shard]);
  }
  return new Map(rows.map((row) => [`${row.execution_id}/${row.step}`, row]));
}

/** An error that stops the writer: bytes of a step would be stored twice, or in the wrong place. */
export function logConflict(batch: LogBatch, why: string): DomainError {
  return new DomainError({
    kind: 'Conflict',
    reason: 'Conflict',
    message: `the stored log of step ${logStepKey(batch.step)} of execution ${batch.executionId} ${why}`,
    fault: 'platform',
    details: { expectedByteOffset: batch.expectedByteOffset },
  });
}

async function storeChunks(
  tx: Transaction,
  packed: readonly PackedBatch[],
  cursors: ReadonlyMap<string, CursorRow>,
): Promise<void> {
  const rows: unknown[][] = [];
  for (const { batch, chunks } of packed) {
    const cursor = cursors.get(cursorKey(batch));
    if (cursor === undefined) continue;
    const step = logStepKey(batch.step);
    let seq = cursor.next_seq;
    let byteOffset = cursor.byte_offset;
    let lineOffset = cursor.line_offset;
    for (const { lineCount, rawBytes, codec, data } of chunks) {
      rows.push([cursor.day, batch.executionId, step, seq, byteOffset, lineOffset, lineCount, rawBytes, codec, data]);
      seq += 1;
      byteOffset += rawBytes;
      lineOffset += lineCount;
    }
  }
  for (let from = 0; from < rows.length; from += MAX_CHUNK_ROWS) {
    const some = rows.slice(from, from + MAX_CHUNK_ROWS);
    await tx.query(insertChunks(some.length), some.flat());
  }
}

async function moveCursors(
  tx: Transaction,
  fence: ShardLease,
  packed: readonly PackedBatch[],
  cursors: ReadonlyMap<string, CursorRow>,
): Promise<void> {
  const columns: unknown[][] = Array.from({ length: 7 }, () => []);
  const gaps: number[] = [];
  for (const { batch, chunks, rawBytes } of packed) {
    const cursor = cursors.get(cursorKey(batch));
    if (cursor === undefined) continue;
    const last = lastTimeAfter({ time: cursor.last_time, count: cursor.last_time_count }, batch.records);
    const lines = chunks.reduce((sum, chunk) => sum + chunk.lineCount, 0);
    const values = [
      batch.executionId,
      logStepKey(batch.step),
      cursor.next_seq + chunks.length,
      cursor.byte_offset + rawBytes,
      cursor.line_offset + lines,
      last.time,
      last.count,
    ];
    for (const [index, value] of values.entries()) columns[index]?.push(value);
    gaps.push(chunks.reduce((sum, chunk) => sum + chunk.gaps, 0));
  }
  await tx.query(MOVE_CURSORS, [...columns, fence.token, gaps]);
}
