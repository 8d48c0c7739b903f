import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import { logStepKey, type LogRecord } from '@image-factory/domain';
import type { Queryable } from '../database/database.js';
import { unpackChunk, type ChunkRecord } from './chunk-format.js';
import { FIRST_SEQ_BY_BYTE, FIRST_SEQ_BY_LINE, READ_CHUNKS, READ_CURSOR } from './statements.js';
import type { LogReadRequest, StoredLogRecord } from './stored-log.js';

const decompress = promisify(zstdDecompress);
/** One read takes at most so many chunks: a log that was followed live has small ones… */
const CHUNKS_PER_READ = 128;
/** …and none more once it has this much text, which bounds what is in memory at once. */
const BYTES_PER_READ = 1024 * 1024;

interface ChunkRow {
  readonly seq: number;
  readonly byte_offset: number;
  readonly line_offset: number;
  readonly codec: 'zstd' | 'none';
  readonly data: Buffer;
  /** Chunks that there were to take; more than were returned when the text is much. */
  readonly found: number;
}

/** Reads a step's stored log in order, a few chunks at a time. Ends where the stored log ends now. */
export async function* readLog(database: Queryable, request: LogReadRequest): AsyncGenerator<StoredLogRecord> {
  const step = logStepKey(request.step);
  const [cursor] = await database.query<{ day: string }>(READ_CURSOR, [request.executionId, step]);
  if (cursor === undefined) return;
  const fromByte = request.fromByteOffset ?? 0;
  const fromLine = request.fromLine ?? 0;
  const place = [cursor.day, request.executionId, step];
  let seq = await firstSeq(database, place, fromByte, fromLine);
  let skipGaps = request.skipGaps ?? 0;
  let yielded = 0;
  const joiner = new LineJoiner();
  for (;;) {
    const rows = await database.query<ChunkRow>(READ_CHUNKS, [...place, seq, CHUNKS_PER_READ, BYTES_PER_READ]);
    for (const row of rows) {
      for (const stored of joiner.join(await recordsOf(row), row.byte_offset, row.line_offset)) {
        const wanted = cut(stored, fromByte, fromLine);
        if (wanted === undefined) continue;
        if (wanted.record.kind === 'gap' && wanted.byteOffset === fromByte && skipGaps > 0) {
          skipGaps -= 1;
          continue;
        }
        yield wanted;
        yielded += rawBytesOf(wanted.record);
        if (request.limitBytes !== undefined && yielded >= request.limitBytes) return;
      }
      seq = row.seq + 1;
    }
    const found = rows[0]?.found ?? 0;
    if (rows.length === found && found < CHUNKS_PER_READ) break;
  }
}

/** Raw bytes of a record: text and line feed; a gap has none. */
function rawBytesOf(record: LogRecord): number {
  return record.kind === 'gap' ? 0 : record.text.length + (record.newline ? 1 : 0);
}

async function firstSeq(
  database: Queryable,
  place: readonly unknown[],
  fromByte: number,
  fromLine: number,
): Promise<number> {
  if (fromByte === 0 && fromLine === 0) return 0;
  const [sql, at] = fromByte > 0 ? [FIRST_SEQ_BY_BYTE, fromByte] : [FIRST_SEQ_BY_LINE, fromLine];
  const [row] = await database.query<{ seq: number }>(sql, [...place, at]);
  return row?.seq ?? 0;
}

async function recordsOf(row: ChunkRow): Promise<ChunkRecord[]> {
  return unpackChunk(row.codec === 'zstd' ? await decompress(row.data) : row.data);
}

/** Without what lies before the wanted byte or line; undefined when nothing is left. */
function cut(stored: StoredLogRecord, fromByte: number, fromLine: number): StoredLogRecord | undefined {
  if (stored.line < fromLine) return undefined;
  if (stored.byteOffset >= fromByte) return stored;
  const { record } = stored;
  if (record.kind === 'gap') return undefined;
  const skip = fromByte - stored.byteOffset;
  if (skip >= rawBytesOf(record)) return undefined;
  return { record: { ...record, text: record.text.subarray(skip) }, byteOffset: fromByte, line: stored.line };
}

/** Puts the parts of long lines together again. Reading that begins inside a line yields the rest of it. */
class LineJoiner {
  #parts: Uint8Array[] = [];
  #begin = 0;

  *join(records: readonly ChunkRecord[], byteOffset: number, lineOffset: number): Generator<StoredLogRecord> {
    let at = byteOffset;
    let line = lineOffset;
    for (const record of records) {
      if (record.kind === 'gap') {
        const said = JSON.parse(Buffer.from(record.text).toString('utf8')) as { reason: string; message: string };
        yield { record: { kind: 'gap', time: record.time, ...said }, byteOffset: at, line };
        continue;
      }
      if (this.#parts.length === 0) this.#begin = at;
      at += record.text.length + (record.newline ? 1 : 0);
      this.#parts.push(record.text);
      if (record.kind === 'part') continue;
      const [only] = this.#parts;
      const text = this.#parts.length === 1 && only !== undefined ? only : Buffer.concat(this.#parts);
      this.#parts = [];
      yield {
        record: { kind: 'line', time: record.time, text, newline: record.newline },
        byteOffset: this.#begin,
        line,
      };
      line += 1;
    }
  }
}
