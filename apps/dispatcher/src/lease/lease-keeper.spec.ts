import { Clock } from '@image-factory/domain';
import { createSilentLogger } from '@image-factory/telemetry';
import { describe, expect, it } from 'vitest';
import { ClockJudge } from './clock-judge.js';
import { DatabaseClock } from './database-clock.js';
import { LeaseKeeper } from './lease-keeper.js';

const LEASE_MS = 30_000;
const START = 1_700_000_000_000;

class HandClock extends Clock {
  ms = 0;
  override now(): Date {
    return new Date(START + this.ms);
  }
  override monotonicMs(): number {
    return this.ms;
  }
  override sleep(): Promise<void> {
    return Promise.resolve();
  }
}

/** A keeper over a database that says of every lease that it holds, and whose clock can be set. */
function keeper() {
  const clock = new HandClock();
  const database = { aheadMs: 0, lapsed: [] as string[] };
  const databaseNow = (): Date => new Date(START + clock.ms + database.aheadMs);
  const leases = {
    register: async () => databaseNow(),
    heartbeat: async () => ({ alive: true, databaseNow: databaseNow(), paused: false }),
  };
  const trust = { look: async () => ({ identity: '1/1', startedAt: '', isTrusted: true, isFirst: false }) };
  const databaseClock = new DatabaseClock(clock);
  const options = {
    host: 'h',
    version: '0',
    slots: 1,
    leaseMs: LEASE_MS,
    report: () => ({ slotsUsed: 0, metrics: {}, unreachableProviders: [], stopping: false }),
    onLapse: (id: string) => void database.lapsed.push(id),
  };
  const judge = new ClockJudge(databaseClock, LEASE_MS);
  const logger = createSilentLogger();
  const lease = new LeaseKeeper(leases as never, trust as never, judge, options, databaseClock, logger);
  return { lease, clock, database };
}

describe('a lease over a database whose clock goes back', () => {
  it('is renewed while nobody can have taken it for ended', async () => {
    const { lease, clock, database } = keeper();
    const { dispatcherId } = await lease.beat();
    clock.ms += 5_000;
    database.aheadMs = -3_600_000;
    expect(await lease.beat()).toMatchObject({ kind: 'renewed', dispatcherId });
    expect(database.lapsed).toEqual([]);
  });

  it('has lapsed when it was not renewed in its time, whatever that clock says', async () => {
    const { lease, clock, database } = keeper();
    const { dispatcherId } = await lease.beat();
    clock.ms += 20_000;
    database.aheadMs = -3_600_000;
    expect((await lease.beat()).kind).toBe('registered');
    expect(database.lapsed).toEqual([dispatcherId]);
    expect(lease.dispatcherId).not.toBe(dispatcherId);
  });

  it('is renewed late when that clock has gone on', async () => {
    const { lease, clock, database } = keeper();
    const { dispatcherId } = await lease.beat();
    clock.ms += 25_000;
    expect(await lease.beat()).toMatchObject({ kind: 'renewed', dispatcherId });
    expect(database.lapsed).toEqual([]);
  });
});
