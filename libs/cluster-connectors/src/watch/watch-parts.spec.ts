import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { backOffMs } from './back-off.js';
import { objectKey } from './kubernetes-object.js';
import { MAX_LINE_BYTES, readLines } from './read-lines.js';
import { ColumnsMissing, TableReader } from './table-form.js';

async function lines(chunks: readonly Uint8Array[]): Promise<string[]> {
  const found: string[] = [];
  for await (const line of readLines(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), () => undefined))
    found.push(line);
  return found;
}

describe('lines of a stream', () => {
  it('are the same however the bytes are cut', async () => {
    const bytes = Buffer.from('{"a":"ü€😀"}\n\n{"b":1}\n{"cut');
    for (let size = 1; size <= bytes.length; size += 1) {
      const chunks: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      expect(await lines(chunks)).toEqual(['{"a":"ü€😀"}', '{"b":1}']);
    }
  });

  it('end with an error rather than fill the memory', async () => {
    const chunk = Buffer.alloc(MAX_LINE_BYTES / 4, 'x');
    await expect(lines([chunk, chunk, chunk, chunk, chunk])).rejects.toThrow('longer');
  });
});

describe('back-off', () => {
  const options = { floorMs: 100, baseMs: 500, capMs: 30_000 };

  it('has full jitter under an exponential bound, a floor and a cap', () => {
    expect(backOffMs(0, { ...options, random: () => 0 })).toBe(100);
    expect(backOffMs(0, { ...options, random: () => 0.999 })).toBeCloseTo(499.5);
    expect(backOffMs(3, { ...options, random: () => 0.5 })).toBe(2_000);
    expect(backOffMs(50, { ...options, random: () => 0.999 })).toBeLessThan(30_000);
  });
});

describe('the Table form', () => {
  // As recorded from Kubernetes 1.36.3: only the first event of a watch has column definitions.
  const first = {
    kind: 'Table' as const,
    metadata: { resourceVersion: '3895' },
    columnDefinitions: ['Name', 'Succeeded', 'Reason', 'StartTime', 'CompletionTime'].map((name) => ({ name })),
    rows: [
      {
        cells: ['success-scratch', 'True', 'Succeeded', '6m59s', '6m49s'],
        object: { kind: 'PartialObjectMetadata', metadata: { name: 'success-scratch', namespace: 'builds' } },
      },
    ],
  };
  const later = { ...first, columnDefinitions: null };

  it('names the cells by the columns of the first event', () => {
    const reader = new TableReader(['Succeeded', 'Reason']);
    expect(reader.read(first)[0]?.row).toMatchObject({ Succeeded: 'True', Reason: 'Succeeded' });
    expect(reader.read(later)[0]?.row).toMatchObject({ Succeeded: 'True', StartTime: '6m59s' });
    reader.reset();
    expect(() => reader.read(later)).toThrow(ColumnsMissing);
  });

  it('is not trusted without the columns that are read', () => {
    const older = { ...first, columnDefinitions: [{ name: 'Name' }, { name: 'Age' }] };
    expect(() => new TableReader(['Succeeded', 'Reason']).read(older)).toThrow(/Succeeded, Reason/);
    expect(new TableReader(['Succeeded']).read({ ...older, rows: null })).toEqual([]);
  });

  it('reads a row whose object was not asked for as nothing', () => {
    expect(new TableReader([]).read({ ...first, rows: [{ cells: ['x'] }] })).toEqual([]);
  });
});

describe('the key of an object', () => {
  it('has its namespace when it has one', () => {
    expect(objectKey({ name: 'a', namespace: 'b' })).toBe('b/a');
    expect(objectKey({ name: 'a' })).toBe('a');
  });
});
