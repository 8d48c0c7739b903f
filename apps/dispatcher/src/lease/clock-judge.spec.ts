import { Clock } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { ClockJudge } from './clock-judge.js';
import { DatabaseClock } from './database-clock.js';
import { SelfFence } from './self-fence.js';

class HandClock extends Clock {
  monotonic = 1_000;
  wall = 1_700_000_000_000;
  override now(): Date {
    return new Date(this.wall);
  }
  override monotonicMs(): number {
    return this.monotonic;
  }
  override sleep(): Promise<void> {
    return Promise.resolve();
  }
  pass(ms: number): void {
    this.monotonic += ms;
    this.wall += ms;
  }
}

const LEASE_MS = 30_000;

describe('ClockJudge', () => {
  const beats = (judge: ClockJudge, clock: HandClock, times: number, databaseOffsetMs = 0): void => {
    for (let beat = 0; beat < times; beat += 1) {
      judge.heartbeat(new Date(clock.wall + databaseOffsetMs), clock.monotonic);
      clock.pass(5_000);
    }
  };

  it('does not judge before its lease was held for one full period', () => {
    const clock = new HandClock();
    const judge = new ClockJudge(new DatabaseClock(clock), LEASE_MS);
    beats(judge, clock, 5);
    expect(judge.isSettled()).toBe(false);
    beats(judge, clock, 2);
    expect(judge.isSettled()).toBe(true);
  });

  it('does not judge after an outage until a new period has passed', () => {
    const clock = new HandClock();
    const judge = new ClockJudge(new DatabaseClock(clock), LEASE_MS);
    beats(judge, clock, 8);
    judge.disturbed();
    expect(judge.isSettled()).toBe(false);
    beats(judge, clock, 7);
    expect(judge.isSettled()).toBe(true);
  });

  it('fires no deadline when a new primary’s clock is an hour ahead', () => {
    const clock = new HandClock();
    const judge = new ClockJudge(new DatabaseClock(clock), LEASE_MS);
    beats(judge, clock, 8);
    const since = new Date(clock.wall);
    judge.heartbeat(new Date(clock.wall + 3_600_000), clock.monotonic);
    expect(judge.hasPassed(since, 60_000)).toBe(false);
  });

  it('knows the database’s time from its first lease on, and not by a machine that is an hour ahead', () => {
    const clock = new HandClock();
    const judge = new ClockJudge(new DatabaseClock(clock), LEASE_MS);
    const databaseNow = new Date(clock.wall - 3_600_000);
    judge.registered(databaseNow);
    clock.pass(1_000);
    expect(judge.databaseNowMs()).toBe(databaseNow.getTime() + 1_000);
    expect(judge.isSettled()).toBe(false);
    clock.wall += 3_600_000;
    expect(judge.databaseNowMs()).toBe(databaseNow.getTime() + 1_000);
  });

  it.each([
    ['an hour ahead', 3_600_000],
    ['an hour behind', -3_600_000],
  ])('fires no deadline of a row that was read on a primary %s, before any heartbeat', (_, jumpMs) => {
    const clock = new HandClock();
    const judge = new ClockJudge(new DatabaseClock(clock), LEASE_MS);
    beats(judge, clock, 8);
    expect(judge.judgedAt()).toEqual(new Date(clock.wall));
    const askedAtMs = judge.databaseNowMs();
    clock.pass(20_000);
    judge.read(new Date(clock.wall - 19_000), askedAtMs);
    expect(judge.hasPassed(new Date(clock.wall - 60_000), 60_000)).toBe(true);
    judge.read(new Date(clock.wall + jumpMs), askedAtMs);
    expect(judge.hasPassed(new Date(clock.wall - 3_600_000), 60_000)).toBe(false);
    expect(judge.judgedAt()).toBeUndefined();
  });

  it('says nothing when no heartbeat has come for a whole lease', () => {
    const clock = new HandClock();
    const judge = new ClockJudge(new DatabaseClock(clock), LEASE_MS);
    beats(judge, clock, 8);
    clock.pass(LEASE_MS);
    expect(judge.isSettled()).toBe(false);
  });
});

describe('SelfFence', () => {
  it('stops writes a margin before the lease ends', () => {
    const clock = new HandClock();
    const fence = new SelfFence(clock, LEASE_MS);
    expect(fence.mayWrite()).toBe(false);
    fence.renewed(fence.reading());
    clock.pass(19_999);
    expect(fence.mayWrite()).toBe(true);
    clock.pass(1);
    expect(fence.mayWrite()).toBe(false);
  });

  it('stops writes after a suspension that the monotonic clock has slept through', () => {
    const clock = new HandClock();
    const fence = new SelfFence(clock, LEASE_MS);
    fence.renewed(fence.reading());
    clock.wall += 60_000;
    expect(fence.mayWrite()).toBe(false);
  });

  it('stops writes when the wall clock is set back and the lease has passed', () => {
    const clock = new HandClock();
    const fence = new SelfFence(clock, LEASE_MS);
    fence.renewed(fence.reading());
    clock.monotonic += 25_000;
    clock.wall -= 3_600_000;
    expect(fence.mayWrite()).toBe(false);
  });
});
