import { describe, expect, it } from 'vitest';
import { LogLineParser, timeKey } from './log-line-parser.js';
import type { LogLine } from './log-line-parser.js';

const T = '2026-11-21T09:16:18.108643794Z';

function parse(bytes: Uint8Array, chunkBytes: number, maxLineBytes?: number): LogLine[] {
  const parser = new LogLineParser(maxLineBytes);
  const lines: LogLine[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) lines.push(...parser.push(bytes.subarray(at, at + chunkBytes)));
  return [...lines, ...parser.end()];
}

describe('a log stream', () => {
  const bytes = Buffer.concat([
    Buffer.from(`${T} plain\n${T} \n${T}\n${T}  two spaces \n${T} ünï ✓\n${T} `),
    Buffer.from([0x00, 0xff, 0xfe, 0xc3, 0x28]),
    Buffer.from(`\n${T} no line feed`),
  ]);

  it.each([1, 2, 7, 64, 100_000])('gives the same lines in chunks of %i bytes, byte for byte', (chunkBytes) => {
    const lines = parse(bytes, chunkBytes);
    expect(lines.map(({ text }) => Buffer.from(text).toString('latin1'))).toEqual([
      'plain',
      '',
      '',
      ' two spaces ',
      Buffer.from('ünï ✓').toString('latin1'),
      '\u0000\u00ff\u00fe\u00c3\u0028',
      'no line feed',
    ]);
    expect(lines.map(({ newline }) => newline)).toEqual([true, true, true, true, true, true, false]);
    expect(new Set(lines.map(({ time }) => time))).toEqual(new Set([T]));
  });

  it('keeps a long line whole', () => {
    const long = Buffer.alloc(300_000, 'x');
    const [line, ...rest] = parse(Buffer.concat([Buffer.from(`${T} `), long, Buffer.from('\n')]), 65_536);
    expect(rest).toEqual([]);
    expect(line?.text.length).toBe(long.length);
  });

  it('gives a line without end in pieces of one time whose bytes are the line', () => {
    const long = Buffer.alloc(2500, 'x');
    const lines = parse(Buffer.concat([Buffer.from(`${T} `), long, Buffer.from(`\n${T} next\n`)]), 100, 1000);
    expect(lines.slice(0, -1).reduce((sum, { text }) => sum + text.length, 0)).toBe(long.length);
    expect(lines.map(({ newline }) => newline)).toEqual([false, false, true, true]);
    expect(new Set(lines.map(({ time }) => time))).toEqual(new Set([T]));
  });

  it('knows what the kubelet wrote itself by its missing time', () => {
    const [line] = parse(Buffer.from('unable to retrieve container logs for containerd://abc\n'), 100);
    expect(line).toMatchObject({ time: undefined, newline: true });
  });
});

describe('log times', () => {
  it('compare by instant, whatever their precision or zone', () => {
    expect(timeKey('2026-11-21T09:16:18.1Z')).toBe(timeKey('2026-11-21T09:16:18.100000000Z'));
    expect(timeKey('2026-11-21T11:16:18.108643794+02:00')).toBe(timeKey(T));
    expect(timeKey(T)).toBeGreaterThan(timeKey('2026-11-21T09:16:18.108643793Z'));
    expect(timeKey('2026-11-21T09:16:18Z')).toBeLessThan(timeKey('2026-11-21T09:16:18.000000001Z'));
  });
});
