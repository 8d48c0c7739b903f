import { describe, expect, it } from 'vitest';
import type { LogLine } from './log-line-parser.js';
import { StoredLineFilter } from './stored-line-filter.js';

/** `seconds:text` per line, at 09:00 and so many seconds. */
function lines(...specs: string[]): LogLine[] {
  return specs.map((spec) => {
    const [seconds = '0', text = ''] = spec.split(':');
    const time = new Date(Date.parse('2026-11-21T09:00:00Z') + Number(seconds) * 1000).toISOString();
    return { time, text: Buffer.from(text), newline: true };
  });
}

function at(seconds: number, count: number): { lastTime: string; lastTimeCount: number } {
  return { lastTime: lines(`${seconds}:`)[0]?.time ?? '', lastTimeCount: count };
}

function texts(list: readonly LogLine[]): string[] {
  return list.map(({ text }) => Buffer.from(text).toString());
}

describe('a log that is read again', () => {
  it('is passed whole when nothing is stored', () => {
    const filter = new StoredLineFilter({ lastTime: undefined, lastTimeCount: 0 });
    expect(texts(filter.push(lines('1:a', '2:b')).lines)).toEqual(['a', 'b']);
  });

  it('drops a line that is the one before it again, but not an equal text of another time', () => {
    const filter = new StoredLineFilter({ lastTime: undefined, lastTimeCount: 0 });
    expect(texts(filter.push(lines('1:a', '1:b', '2:b')).lines)).toEqual(['a', 'b', 'b']);
    expect(texts(filter.push(lines('2:b', '2:c')).lines)).toEqual(['c']);
  });

  it.each([
    ['drops what comes before the stored end and the end itself', at(2, 1), ['0:a', '1:b', '2:c', '3:d'], ['d']],
    ['drops as many lines of the last time as are stored', at(2, 2), ['2:a', '2:b', '2:c', '3:d'], ['c', 'd']],
    [
      'keeps a line of the other stream whose time is earlier than the stored end',
      at(2, 1),
      ['2:end', '1.9:late', '3:d'],
      ['late', 'd'],
    ],
    [
      'drops a line that was stored before the end with a later time',
      at(2, 1),
      ['2.5:stored', '2:end', '3:new'],
      ['new'],
    ],
  ] as const)('%s', (_name, position, input, output) => {
    for (const size of [1, 2, 10]) {
      const filter = new StoredLineFilter(position);
      const all = lines(...input);
      const passed: string[] = [];
      for (let index = 0; index < all.length; index += size) {
        const { lines: out, gap } = filter.push(all.slice(index, index + size));
        passed.push(...texts(out));
        expect(gap).toBe(false);
      }
      expect(passed).toEqual(output);
    }
  });

  it('marks a gap when the stored end was rotated away', () => {
    const filter = new StoredLineFilter(at(2, 1));
    expect(filter.push(lines('3:a'))).toEqual({ lines: [], gap: false });
    expect(filter.holds).toBe(true);
    const { lines: passed, gap } = filter.push(lines('60:b', '61:c'));
    expect(texts(passed)).toEqual(['a', 'b', 'c']);
    expect(gap).toBe(true);
  });

  it('gives up what it holds at the end, behind a gap', () => {
    const filter = new StoredLineFilter(at(2, 1));
    filter.push(lines('3:a'));
    expect(filter.settle()).toMatchObject({ gap: true });
    expect(filter.settle()).toEqual({ lines: [], gap: false });
  });

  it('marks no gap when nothing came after the stored end', () => {
    const filter = new StoredLineFilter(at(2, 1));
    filter.push(lines('2:end'));
    expect(filter.settle()).toEqual({ lines: [], gap: false });
  });
});
