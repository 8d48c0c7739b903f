import { describe, expect, it } from 'vitest';
import { sortableTime, toLogBytes } from './log-line.js';

describe('a log line', () => {
  it('orders times of any precision', () => {
    const times = [
      '2026-01-01T00:00:00Z',
      '2026-01-01T00:00:00.1Z',
      '2026-01-01T00:00:00.100000001Z',
      '2026-01-01T00:00:01Z',
    ];
    expect([...times].reverse().sort((a, b) => (sortableTime(a) < sortableTime(b) ? -1 : 1))).toEqual(times);
  });

  it('is its own bytes, and a gap is one marked line', () => {
    const text = Uint8Array.from([0, 255, 10]);
    expect([...toLogBytes({ kind: 'line', time: '', text, newline: true })]).toEqual([0, 255, 10, 10]);
    expect([...toLogBytes({ kind: 'line', time: '', text, newline: false })]).toEqual([0, 255, 10]);
    const gap = toLogBytes({ kind: 'gap', time: '', reason: 'LogGap', message: 'evicted' });
    expect(gap.toString()).toBe('[image-factory: LogGap: evicted]\n');
  });
});
