import { logStepKey } from '@image-factory/domain';
import type { Queryable } from '../database/transaction.js';
import { cursorKey, type CursorRow } from './log-cursor.js';
import type { PackedWrite } from './pack-log.js';
import { LAST_CHUNKS } from './statements.js';

interface ChunkRow {
  readonly codec: string;
  readonly data: Buffer;
}

/**
 * The writes, those without their records whose very chunks are the last that their step has. Gaps have no bytes, so the
 * offset does not tell a flush whose COMMIT answer was lost from one that is yet to be stored. The same gap of the same
 * time in the same place is the same gap.
 */
export async function withoutRepeats(
  database: Queryable,
  writes: readonly PackedWrite[],
  cursors: ReadonlyMap<string, CursorRow>,
): Promise<PackedWrite[]> {
  return Promise.all(
    writes.map(async (packed) => {
      const cursor = cursors.get(cursorKey(packed.write.batch));
      if (cursor === undefined || !mayRepeat(packed, cursor)) return packed;
      const { executionId, step } = packed.write.batch;
      const from = cursor.next_seq - packed.chunks.length;
      const stored = await database.query<ChunkRow>(LAST_CHUNKS, [cursor.day, executionId, logStepKey(step), from]);
      const isStored =
        stored.length === packed.chunks.length &&
        packed.chunks.every(({ codec, data }, at) => stored[at]?.codec === codec && data.equals(stored[at].data));
      if (!isStored) return packed;
      return { ...packed, chunks: [], write: { ...packed.write, batch: { ...packed.write.batch, records: [] } } };
    }),
  );
}

function mayRepeat({ write, chunks, rawBytes }: PackedWrite, cursor: CursorRow): boolean {
  if (rawBytes > 0 || chunks.length === 0 || cursor.byte_offset !== write.batch.expectedByteOffset) return false;
  return cursor.next_seq >= chunks.length;
}
