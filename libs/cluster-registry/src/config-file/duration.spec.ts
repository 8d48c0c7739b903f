import { describe, expect, it } from 'vitest';
import { formatDuration, parseDurationMs } from './duration.js';

describe('a duration', () => {
  it.each([
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1_500],
    ['250ms', 250],
    ['0s', 0],
  ])('%s is %i ms', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each(['', '30', 's', '-5s', '5 s', '5d', '5m!', '1e3s'])('%j is none', (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
  });

  it.each([
    [30_000, '30s'],
    [3_600_000, '1h'],
    [90_000, '90s'],
    [250, '250ms'],
    [0, '0ms'],
  ])('%i ms is written as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
