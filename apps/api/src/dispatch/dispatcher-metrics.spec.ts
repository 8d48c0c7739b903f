import { describe, expect, it } from 'vitest';
import { numbersOf, totalOf } from './dispatcher-metrics.js';

describe('dispatcher numbers', () => {
  it('have every published name, and nothing that is no number', () => {
    expect(numbersOf({ metrics: { claims: 2, host: 'x' } })).toEqual({
      claims: 2,
      dispatches: 0,
      claim_errors: 0,
      dispatch_errors: 0,
      requeues: 0,
      skipped_for_limit: 0,
      claim_latency_ms: 0,
      dispatch_latency_ms: 0,
    });
  });

  it('add counters and show the slowest latency', () => {
    const total = totalOf([
      { claims: 2, dispatch_latency_ms_p95: 10 },
      { claims: 3, dispatch_latency_ms_p95: 4 },
    ]);
    expect(total).toMatchObject({ claims: 5, dispatch_latency_ms_p95: 10, requeues: 0 });
  });
});
