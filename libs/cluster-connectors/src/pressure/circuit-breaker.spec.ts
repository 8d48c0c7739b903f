import { describe, expect, it } from 'vitest';
import { CircuitBreaker } from './circuit-breaker.js';

const REOPEN = { floorMs: 1_000, baseMs: 1_000, capMs: 8_000, random: () => 0.999_999 };
const OPTIONS = { failures: 3, stallMs: 3_000, reopen: REOPEN };

function failing(breaker: CircuitBreaker, times: number, atMs: number): void {
  for (let index = 0; index < times; index += 1) breaker.failed(breaker.begin('status', false, atMs), atMs);
}

describe('the circuit breaker', () => {
  it('opens after failures in a row, and one answer between them starts the count anew', () => {
    const breaker = new CircuitBreaker(OPTIONS);
    failing(breaker, 2, 0);
    breaker.answered(breaker.begin('status', false, 0), 0);
    failing(breaker, 2, 0);
    expect(breaker.state(0)).toBe('closed');
    failing(breaker, 1, 0);
    expect(breaker.state(0)).toBe('open');
    expect(breaker.refusalMs('create', 0)).toBeGreaterThan(0);
  });

  it('lets one request try when the back-off is over, and closes by its answer', () => {
    const breaker = new CircuitBreaker(OPTIONS);
    failing(breaker, 3, 0);
    expect(breaker.state(1_000)).toBe('half_open');
    expect(breaker.refusalMs('create', 1_000)).toBeUndefined();
    const trial = breaker.begin('create', false, 1_000);
    expect(breaker.refusalMs('stop', 1_000)).toBeGreaterThan(0);
    breaker.answered(trial, 1_100);
    expect(breaker.state(1_100)).toBe('closed');
    expect(breaker.refusalMs('stop', 1_100)).toBeUndefined();
  });

  it('stays open for longer after each failed trial, up to the cap', () => {
    const breaker = new CircuitBreaker(OPTIONS);
    failing(breaker, 3, 0);
    const waits: number[] = [];
    let nowMs = 0;
    for (let index = 0; index < 5; index += 1) {
      nowMs += breaker.refusalMs('create', nowMs) ?? 0;
      breaker.failed(breaker.begin('create', false, nowMs), nowMs);
      waits.push(breaker.refusalMs('create', nowMs) ?? 0);
    }
    expect(waits).toEqual([2_000, 4_000, 8_000, 8_000, 8_000]);
  });

  it('gives the trial to another when the one that had it was stopped', () => {
    const breaker = new CircuitBreaker(OPTIONS);
    failing(breaker, 3, 0);
    breaker.dropped(breaker.begin('create', false, 1_000));
    expect(breaker.refusalMs('stop', 1_000)).toBeUndefined();
  });

  it('lets no log try: its answer comes from a node', () => {
    const breaker = new CircuitBreaker(OPTIONS);
    failing(breaker, 3, 0);
    expect(breaker.refusalMs('logs', 1_000)).toBeGreaterThan(0);
    expect(breaker.refusalMs('stop', 1_000)).toBeUndefined();
  });

  it('never keeps a probe away, and closes by its answer', () => {
    const breaker = new CircuitBreaker(OPTIONS);
    failing(breaker, 3, 0);
    expect(breaker.refusalMs('probe', 0)).toBeUndefined();
    breaker.answered(breaker.begin('probe', false, 0), 10);
    expect(breaker.state(10)).toBe('closed');
  });

  it('keeps others away while a short request hangs and nothing else is answered', () => {
    const breaker = new CircuitBreaker(OPTIONS);
    const hanging = breaker.begin('create', false, 0);
    expect(breaker.refusalMs('create', 3_000)).toBeUndefined();
    expect(breaker.refusalMs('stop', 3_001)).toBeGreaterThan(0);
    expect(breaker.state(3_001)).toBe('open');
    breaker.answered(breaker.begin('probe', false, 3_001), 3_002);
    expect(breaker.refusalMs('stop', 3_003)).toBeUndefined();
    breaker.dropped(hanging);
    expect(breaker.state(9_000)).toBe('closed');
  });

  it('does not take a slow list or an open stream for silence', () => {
    const breaker = new CircuitBreaker(OPTIONS);
    breaker.begin('status', false, 0);
    breaker.begin('probe', true, 0);
    expect(breaker.state(60_000)).toBe('closed');
  });
});
