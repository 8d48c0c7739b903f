import { constants, zstdCompress } from 'node:zlib';
import { promisify } from 'node:util';
import { packRecords, type PlainChunk } from './chunk-format.js';
import { cursorKey } from './log-cursor.js';
import type { LogWrite } from './stored-log.js';

const compress = promisify(zstdCompress);
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** Less than this is not made smaller by enough to be worth a turn of the thread pool. */
const MIN_COMPRESSED_BYTES = 256;

/** A chunk as it is stored. */
interface StoredChunk extends Omit<PlainChunk, 'data'> {
  readonly codec: 'zstd' | 'none';
  readonly data: Buffer;
}

/** A write whose records are packed and compressed, outside of any transaction. */
export interface PackedWrite {
  readonly write: LogWrite;
  readonly chunks: readonly StoredChunk[];
  readonly rawBytes: number;
}

/** Packs and compresses. Refuses two writes of one step: their order would not be said. */
export async function packWrites(writes: readonly LogWrite[]): Promise<PackedWrite[]> {
  const keys = new Set(writes.map(({ batch }) => cursorKey(batch)));
  if (keys.size !== writes.length) throw new Error('a flush has at most one batch for each step');
  return Promise.all(
    writes.map(async (write) => {
      const { records } = write.batch;
      const chunks = records.length === 0 ? [] : await Promise.all(packRecords(records).map(toStored));
      return { write, chunks, rawBytes: chunks.reduce((sum, chunk) => sum + chunk.rawBytes, 0) };
    }),
  );
}

async function toStored(chunk: PlainChunk): Promise<StoredChunk> {
  if (chunk.data.length < MIN_COMPRESSED_BYTES) return { ...chunk, codec: 'none' };
  const data = await compress(chunk.data, ZSTD);
  return data.length < chunk.data.length ? { ...chunk, codec: 'zstd', data } : { ...chunk, codec: 'none' };
}
