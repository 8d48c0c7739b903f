import { logStepKey } from '@image-factory/domain';
import type { Transaction } from '../database/database.js';
import { fenceKey, HeldShards } from '../lease/lock-shards.js';
import { shardColumns } from '../lease/shard-lease.js';
import { cursorKey, lastTimeAfter, type CursorRow } from './log-cursor.js';
import type { PackedWrite } from './pack-log.js';
import {
  ENSURE_CURSORS,
  FIND_CURSORS,
  insertChunks,
  LOCK_CURSORS,
  MAX_CHUNK_ROWS,
  MOVE_CURSORS,
} from './statements.js';
import { withoutRepeats } from './repeated-gaps.js';
import type { LogAnswer } from './stored-log.js';

/** A write that met its cursor somewhere else than its writer believed: nothing of it was stored. */
export interface CursorMismatch {
  readonly kind: 'mismatch';
  readonly storedByteOffset: number;
  readonly ended: boolean;
}

/** A write that fits the cursor it met. */
interface Fitting {
  readonly packed: PackedWrite;
  readonly cursor: CursorRow;
}

/**
 * One flush over any number of shards: their tokens, then each step's cursor is compared and set (correctness rule 19).
 * A write that is refused, or behind a lock of somebody else, changes nothing and holds up no other. Two round trips behind
 * the BEGIN, and the commit; one more where gaps without lines follow others, or where a lock was not free.
 */
export async function writePacked(
  tx: Transaction,
  writes: readonly PackedWrite[],
): Promise<(LogAnswer | CursorMismatch)[]> {
  const { held, cursors } = await lockAll(tx, writes);
  const locked = await findLocked(tx, writes, held, cursors);
  const fitting: Fitting[] = [];
  const unrepeated = await withoutRepeats(tx, writes, cursors);
  const answers = unrepeated.map((packed): LogAnswer | CursorMismatch => {
    const { fence, batch, ends } = packed.write;
    if (locked.has(cursorKey(batch))) return { kind: 'locked' };
    if (!held.has(fence)) return { kind: 'lease-lost' };
    const cursor = cursors.get(cursorKey(batch));
    if (cursor === undefined) return { kind: 'state-moved' };
    const ended = cursor.ended_at !== null;
    if (cursor.byte_offset !== batch.expectedByteOffset)
      return { kind: 'mismatch', storedByteOffset: cursor.byte_offset, ended };
    if (ended && packed.chunks.length > 0) return { kind: 'conflict', why: 'has ended already' };
    if (packed.chunks.length > 0 || (ends && !ended)) fitting.push({ packed, cursor });
    return { kind: 'done' };
  });
  // Side by side, so that the error of the first that fails is the one that is told.
  if (fitting.length > 0) await Promise.all([...storeChunks(tx, fitting), moveCursors(tx, fitting)]);
  return answers;
}

/** All of it goes out at once; cursors that are missing are made before they are locked. */
async function lockAll(
  tx: Transaction,
  writes: readonly PackedWrite[],
): Promise<{ held: HeldShards; cursors: ReadonlyMap<string, CursorRow> }> {
  const keys = keysOf(writes);
  // Only a step that has nothing yet can be new.
  const first = writes.filter(({ write }) => write.batch.expectedByteOffset === 0);
  const steps = first.map(({ write }) => write.batch.step);
  const [held, , rows] = await Promise.all([
    HeldShards.lockFree(
      tx,
      writes.map(({ write }) => write.fence),
    ),
    first.length === 0
      ? []
      : tx.query(ENSURE_CURSORS, [
          ...keysOf(first),
          steps.map(({ task }) => task),
          steps.map(({ step }) => step),
          steps.map(({ ordinal }) => ordinal),
        ]),
    tx.query<CursorRow>(LOCK_CURSORS, keys),
  ]);
  return { held, cursors: new Map(rows.map((row) => [rowKey(row), row])) };
}

/** Of which steps somebody else locks the shard or the cursor, by the keys of their cursors. */
async function findLocked(
  tx: Transaction,
  writes: readonly PackedWrite[],
  held: HeldShards,
  cursors: ReadonlyMap<string, CursorRow>,
): Promise<ReadonlySet<string>> {
  const fences = writes.map(({ write }) => write.fence);
  const open = writes.filter(({ write }) => held.has(write.fence) && !cursors.has(cursorKey(write.batch)));
  const [busy, rows] = await Promise.all([
    held.findBusy(tx, fences),
    open.length === 0 ? [] : tx.query<CursorRow>(FIND_CURSORS, keysOf(open)),
  ]);
  const behind = writes.filter(({ write }) => busy.has(fenceKey(write.fence)));
  return new Set([...behind.map(({ write }) => cursorKey(write.batch)), ...rows.map(rowKey)]);
}

function rowKey(row: CursorRow): string {
  return `${row.execution_id}/${row.step}`;
}

function keysOf(writes: readonly PackedWrite[]): unknown[][] {
  return [
    writes.map(({ write }) => write.batch.executionId),
    writes.map(({ write }) => logStepKey(write.batch.step)),
    ...shardColumns(writes.map(({ write }) => write.fence)),
  ];
}

function storeChunks(tx: Transaction, fitting: readonly Fitting[]): Promise<unknown>[] {
  const rows: unknown[][] = [];
  for (const { packed, cursor } of fitting) {
    const { executionId, step } = packed.write.batch;
    let { next_seq: seq, byte_offset: byteOffset, line_offset: lineOffset } = cursor;
    for (const { lineCount, rawBytes, codec, data } of packed.chunks) {
      const place = [cursor.day, executionId, logStepKey(step), seq];
      rows.push([...place, byteOffset, lineOffset, lineCount, rawBytes, codec, data]);
      seq += 1;
      byteOffset += rawBytes;
      lineOffset += lineCount;
    }
  }
  const inserts: Promise<unknown>[] = [];
  for (let from = 0; from < rows.length; from += MAX_CHUNK_ROWS) {
    const some = rows.slice(from, from + MAX_CHUNK_ROWS);
    inserts.push(tx.query(insertChunks(some.length), some.flat()));
  }
  return inserts;
}

function moveCursors(tx: Transaction, fitting: readonly Fitting[]): Promise<unknown> {
  const columns: unknown[][] = Array.from({ length: 10 }, () => []);
  for (const { packed, cursor } of fitting) {
    const { batch, fence, ends } = packed.write;
    const last = lastTimeAfter({ time: cursor.last_time, count: cursor.last_time_count }, batch.records);
    const values = [
      batch.executionId,
      logStepKey(batch.step),
      cursor.next_seq + packed.chunks.length,
      cursor.byte_offset + packed.rawBytes,
      cursor.line_offset + packed.chunks.reduce((sum, chunk) => sum + chunk.lineCount, 0),
      last.time,
      last.count,
      packed.chunks.reduce((sum, chunk) => sum + chunk.gaps, 0),
      fence.token,
      ends,
    ];
    for (const [index, value] of values.entries()) columns[index]?.push(value);
  }
  return tx.query(MOVE_CURSORS, columns);
}
