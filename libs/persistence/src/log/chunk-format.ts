import type { LogRecord } from '@image-factory/domain';

/** Raw text bytes of one chunk, at most. A longer line goes on in the next chunk. */
export const MAX_CHUNK_BYTES = 256 * 1024;
/** What a record's line in the head counts as, so that a chunk of empty lines is bounded too. */
const HEAD_LINE_BYTES = 40;

/** A record as chunks hold it. `part`: the beginning of a line that the next record goes on with. */
export interface ChunkRecord {
  readonly kind: 'line' | 'part' | 'gap';
  readonly time: string;
  /** Of a gap: JSON of its reason and message. */
  readonly text: Uint8Array;
  /** A line feed follows the text. */
  readonly newline: boolean;
}

/** One chunk before compression, with what its row says about it. */
export interface PlainChunk {
  readonly data: Buffer;
  /** Text and line feeds, as the cursor counts them. */
  readonly rawBytes: number;
  /** Lines that end in it. */
  readonly lineCount: number;
  readonly gaps: number;
}

const CODES = { line: 'l', open: 'o', part: 'p', gap: 'g' } as const;
const LENGTH_BYTES = 4;

/**
 * Packs records into chunks. Layout of a chunk: the head's length (32 bit, big-endian), the head (UTF-8, a line
 * `<code><text length> <time>` per record; codes: `l` a line with its feed, `o` without, `p` a part, `g` a gap), then
 * all texts one after the other, byte for byte. Heads and texts apart compress better than mixed.
 */
export function packRecords(records: readonly LogRecord[]): PlainChunk[] {
  const chunks: PlainChunk[] = [];
  let pending: ChunkRecord[] = [];
  let bytes = 0;
  const flush = (): void => {
    if (pending.length > 0) chunks.push(packChunk(pending));
    pending = [];
    bytes = 0;
  };
  for (const record of records.flatMap(toChunkRecords)) {
    const size = record.text.length + HEAD_LINE_BYTES;
    if (pending.length > 0 && bytes + size > MAX_CHUNK_BYTES) flush();
    pending.push(record);
    bytes += size;
  }
  flush();
  return chunks;
}

function toChunkRecords(record: LogRecord): ChunkRecord[] {
  if (record.kind === 'gap') {
    const text = Buffer.from(JSON.stringify({ reason: record.reason, message: record.message }), 'utf8');
    return [{ kind: 'gap', time: record.time, text, newline: false }];
  }
  const parts: ChunkRecord[] = [];
  let from = 0;
  for (; record.text.length - from > MAX_CHUNK_BYTES; from += MAX_CHUNK_BYTES) {
    parts.push({
      kind: 'part',
      time: record.time,
      text: record.text.subarray(from, from + MAX_CHUNK_BYTES),
      newline: false,
    });
  }
  parts.push({ kind: 'line', time: record.time, text: record.text.subarray(from), newline: record.newline });
  return parts;
}

function packChunk(records: readonly ChunkRecord[]): PlainChunk {
  const head = Buffer.from(
    records.map((record) => `${codeOf(record)}${record.text.length} ${record.time}`).join('\n'),
    'utf8',
  );
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(head.length);
  let rawBytes = 0;
  let lineCount = 0;
  let gaps = 0;
  for (const record of records) {
    if (record.kind === 'gap') gaps += 1;
    else rawBytes += record.text.length + (record.newline ? 1 : 0);
    if (record.kind === 'line') lineCount += 1;
  }
  return { data: Buffer.concat([length, head, ...records.map((record) => record.text)]), rawBytes, lineCount, gaps };
}

function codeOf(record: ChunkRecord): string {
  if (record.kind !== 'line') return CODES[record.kind];
  return record.newline ? CODES.line : CODES.open;
}

/** The records of one chunk, in order. @throws Error when the bytes are not a chunk */
export function unpackChunk(data: Buffer): ChunkRecord[] {
  const headEnd = LENGTH_BYTES + data.readUInt32BE(0);
  let at = headEnd;
  return data
    .toString('utf8', LENGTH_BYTES, headEnd)
    .split('\n')
    .map((entry) => {
      const space = entry.indexOf(' ');
      const length = Number(entry.slice(1, space));
      const end = at + length;
      if (space < 2 || !Number.isSafeInteger(length) || end > data.length)
        throw new Error('a stored log chunk is damaged');
      const text = data.subarray(at, end);
      at = end;
      return { ...kindOf(entry.charAt(0)), time: entry.slice(space + 1), text };
    });
}

function kindOf(code: string): Pick<ChunkRecord, 'kind' | 'newline'> {
  if (code === CODES.line) return { kind: 'line', newline: true };
  if (code === CODES.open) return { kind: 'line', newline: false };
  if (code === CODES.part) return { kind: 'part', newline: false };
  if (code === CODES.gap) return { kind: 'gap', newline: false };
  throw new Error('a stored log chunk is damaged');
}
