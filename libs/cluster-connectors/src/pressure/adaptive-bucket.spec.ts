import { describe, expect, it } from 'vitest';
import { AdaptiveBucket } from './adaptive-bucket.js';

const OPTIONS = { floorPerSecond: 5, ceilingPerSecond: 100, slowAfterMs: 2_000 };

describe('the adaptive bucket', () => {
  it('gives a burst of one second, then its rate', () => {
    const bucket = new AdaptiveBucket(OPTIONS, 0);
    for (let taken = 0; taken < 50; taken += 1) expect(bucket.take(0)).toBe(true);
    expect(bucket.take(0)).toBe(false);
    expect(bucket.nextTokenMs(0)).toBe(20);
    expect(bucket.take(20)).toBe(true);
    expect(bucket.take(20)).toBe(false);
  });

  it('halves on overload, once per round trip, and never falls below the floor', () => {
    const bucket = new AdaptiveBucket(OPTIONS, 0);
    bucket.cut(0, 100);
    expect(bucket.ratePerSecond).toBe(25);
    bucket.cut(99, 150);
    expect(bucket.ratePerSecond).toBe(25);
    for (let at = 200; at < 1_000; at += 100) bucket.cut(at, at + 10);
    expect(bucket.ratePerSecond).toBe(5);
  });

  it('takes a slow answer for overload, but not the time of a stream', () => {
    const bucket = new AdaptiveBucket(OPTIONS, 0);
    bucket.answered(0, 2_001, false);
    expect(bucket.ratePerSecond).toBe(50);
    bucket.answered(0, 2_001, true);
    expect(bucket.ratePerSecond).toBe(25);
  });

  it('rises by a tenth of the ceiling in a second of good answers, to the ceiling and not beyond', () => {
    const bucket = new AdaptiveBucket(OPTIONS, 0);
    let nowMs = 0;
    const drain = (untilMs: number): void => {
      for (; nowMs < untilMs; nowMs += 1) while (bucket.take(nowMs)) bucket.answered(nowMs, nowMs, true);
    };
    drain(1_000);
    expect(bucket.ratePerSecond).toBeGreaterThan(55);
    expect(bucket.ratePerSecond).toBeLessThan(75);
    drain(20_000);
    expect(bucket.ratePerSecond).toBe(100);
  });

  it('does not rise while nobody wants more', () => {
    const bucket = new AdaptiveBucket(OPTIONS, 0);
    for (let nowMs = 0; nowMs < 10_000; nowMs += 100) {
      expect(bucket.take(nowMs)).toBe(true);
      bucket.answered(nowMs, nowMs + 5, true);
    }
    expect(bucket.ratePerSecond).toBe(50);
  });
});
