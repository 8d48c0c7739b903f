import { describe, expect, it } from 'vitest';
import type { LogRecord } from '@image-factory/domain';
import { MAX_CHUNK_BYTES, packRecords, unpackChunk } from './chunk-format.js';

const TIME = '2026-11-21T11:17:30.123456789Z';

function line(text: Uint8Array | string, newline = true): LogRecord {
  return { kind: 'line', time: TIME, text: typeof text === 'string' ? Buffer.from(text) : text, newline };
}

describe('a log chunk', () => {
  it('gives back what was packed, byte for byte', () => {
    const records: LogRecord[] = [
      line('plain'),
      line(''),
      line(Uint8Array.of(0, 255, 254, 0, 10, 13)),
      { kind: 'gap', time: TIME, reason: 'LogGap', message: 'the pod was evicted\n12:03' },
      line('last', false),
    ];
    const [chunk, ...rest] = packRecords(records);
    expect(rest).toEqual([]);
    expect(chunk).toMatchObject({ rawBytes: 6 + 1 + 7 + 4, lineCount: 4, gaps: 1 });
    const unpacked = unpackChunk(chunk?.data ?? Buffer.alloc(0));
    expect(unpacked.map((record) => record.kind)).toEqual(['line', 'line', 'line', 'gap', 'line']);
    expect(unpacked.map((record) => record.newline)).toEqual([true, true, true, false, false]);
    expect(unpacked.map((record) => record.time)).toEqual(Array(5).fill(TIME));
    expect([...(unpacked[2]?.text ?? [])]).toEqual([0, 255, 254, 0, 10, 13]);
  });

  it('ends at its limit, and a longer line goes on in the next one', () => {
    const long = Buffer.alloc(2 * MAX_CHUNK_BYTES + 5, 'x');
    const chunks = packRecords([line('a'), line(long), line('b')]);
    expect(chunks.map((chunk) => chunk.rawBytes)).toEqual([2, MAX_CHUNK_BYTES, MAX_CHUNK_BYTES, 5 + 1 + 2]);
    expect(chunks.map((chunk) => chunk.lineCount)).toEqual([1, 0, 0, 2]);
    expect(unpackChunk(chunks[1]?.data ?? Buffer.alloc(0)).map((record) => record.kind)).toEqual(['part']);
  });

  it('holds a bounded number of records, however short they are', () => {
    const chunks = packRecords(Array.from({ length: 100_000 }, () => line('')));
    expect(chunks.reduce((sum, chunk) => sum + chunk.lineCount, 0)).toBe(100_000);
    for (const chunk of chunks) expect(chunk.lineCount).toBeLessThan(8_000);
  });

  it('is refused when it is damaged', () => {
    const data = packRecords([line('hello')])[0]?.data ?? Buffer.alloc(0);
    expect(() => unpackChunk(data.subarray(0, data.length - 2))).toThrow('damaged');
  });
});
