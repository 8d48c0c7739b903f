import { describe, expect, it } from 'vitest';
import { apiLatency } from './api-latency.js';

describe('the latency of an API server', () => {
  it('is by nearest rank over the probes that were answered', () => {
    const samples = [undefined, ...Array.from({ length: 100 }, (_unused, index) => 100 - index)];
    expect(apiLatency(samples)).toEqual({ probes: 100, p50_ms: 50, p95_ms: 95, p99_ms: 99 });
    expect(apiLatency([7])).toEqual({ probes: 1, p50_ms: 7, p95_ms: 7, p99_ms: 7 });
  });

  it('is not known when no probe was answered', () => {
    expect(apiLatency([undefined])).toBeUndefined();
  });
});
