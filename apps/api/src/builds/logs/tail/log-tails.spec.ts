import { DomainError } from '@image-factory/domain';
import { createSilentLogger, Metrics } from '@image-factory/telemetry';
import { afterEach, describe, expect, it } from 'vitest';
import { STREAM_LIMITS, type StreamLimits } from '../../../stream/stream-limits.js';
import type { LogPosition } from '../log-position.js';
import type { LogEnd, LogFrame } from './log-frames.js';
import { LogTails, type TailSeat } from './log-tails.js';

const SUBJECT = { tenantId: 't', buildId: 'b' };

function at(byteOffset: number): LogPosition {
  return { attempt: 1, step: 'b/b', byteOffset, gaps: 0 };
}

/** A log in memory: records of one byte, so that a record's end is the count of records. */
class FakeLog {
  reads = 0;
  failure: Error | undefined;
  end: LogEnd | undefined;
  private stored = 0;
  private readonly sleepers = new Set<() => void>();

  add(count: number): void {
    this.stored += count;
    this.notify();
  }

  notify(): void {
    for (const wake of [...this.sleepers]) wake();
  }

  async *read(_subject: unknown, from: LogPosition | undefined): AsyncGenerator<LogFrame, LogEnd | undefined> {
    this.reads += 1;
    const { end, stored } = this;
    if (this.failure !== undefined) throw this.failure;
    for (let offset = Math.floor(from?.byteOffset ?? 0) + 1; offset <= stored; offset += 1) {
      yield { id: `1:b/b:${offset}`, position: at(offset), text: `${offset};` };
    }
    return end;
  }

  subscribe() {
    let dirty = false;
    let wake: () => void = () => undefined;
    const notify = (): void => {
      dirty = true;
      wake();
    };
    this.sleepers.add(notify);
    return {
      watch: () => undefined,
      close: () => void this.sleepers.delete(notify),
      changed: async (_timeoutMs: number, signal: AbortSignal) => {
        if (!dirty) {
          await new Promise<void>((resolve) => {
            wake = resolve;
            signal.addEventListener('abort', () => resolve(), { once: true });
          });
        }
        dirty = false;
      },
    };
  }
}

/** Takes `count` frames from a seat on. */
async function take(seat: TailSeat, count: number): Promise<number[]> {
  const taken: number[] = [];
  let { place } = seat;
  while (taken.length < count) {
    const answer = seat.tail.next(place);
    if (answer.kind === 'none') await seat.tail.changed(AbortSignal.timeout(5_000));
    else if (answer.kind !== 'frames') throw new Error(answer.kind);
    else {
      taken.push(...answer.batch.bytes.toString().split(';').filter(Boolean).map(Number));
      place = answer.batch.next;
    }
  }
  return taken;
}

describe('the tails of logs', () => {
  const seats: TailSeat[] = [];
  afterEach(() => {
    for (const { tail } of seats.splice(0)) tail.leave();
  });

  function open(limits: Partial<StreamLimits> = {}): { log: FakeLog; tails: LogTails; join: typeof join } {
    const log = new FakeLog();
    const settings = { streams: { ...STREAM_LIMITS, ...limits } };
    const tails = new LogTails(log, log, createSilentLogger(), new Metrics(), settings);
    const join = async (position: LogPosition | undefined): Promise<TailSeat> => {
      const seat = await tails.join(SUBJECT, position);
      seats.push(seat);
      return seat;
    };
    return { log, tails, join };
  }

  it('read a log once for all who stand at its end', async () => {
    const { log, tails, join } = open();
    const followers = await Promise.all(Array.from({ length: 50 }, () => join(undefined)));
    expect(tails.size).toBe(1);
    const readsBefore = log.reads;
    for (let turn = 0; turn < 5; turn += 1) {
      log.add(2);
      await followers[0]!.tail.refresh();
    }
    const told = await Promise.all(followers.map((seat) => take(seat, 10)));
    for (const records of told) expect(records).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(log.reads - readsBefore).toBeLessThan(15);
  });

  it('seat a follower that is ahead of them or a little behind where its next record is', async () => {
    const { log, tails, join } = open();
    const first = await join(undefined);
    log.add(5);
    const ahead = await join(at(5));
    const behind = await join(at(3));
    expect(tails.size).toBe(1);
    log.add(1);
    expect(await take(ahead, 1)).toEqual([6]);
    expect(await take(behind, 3)).toEqual([4, 5, 6]);
    expect(await take(first, 6)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('are not spoiled by a cursor that no record ends at: its tail goes when both come to one place', async () => {
    const { log, tails, join } = open();
    const odd = await join(at(0.5));
    const right = await join(undefined);
    expect(tails.size).toBe(2);
    log.add(3);
    expect(await take(right, 3)).toEqual([1, 2, 3]);
    await odd.tail.refresh();
    expect(tails.size).toBe(1);
    log.add(1);
    const gone = [odd, right].filter(({ tail }) => tail.isOver);
    expect(gone).toHaveLength(1);
    expect(gone[0]!.tail.next(3).kind).toBe('gone');
    expect(await take(await join(at(3)), 1)).toEqual([4]);
  });

  it('let go of a follower that is slower than the log', async () => {
    const { log, join } = open({ oneTailBytes: 2_000 });
    const slow = await join(undefined);
    log.add(100);
    await slow.tail.refresh();
    expect(slow.tail.next(slow.place)).toEqual({ kind: 'behind' });
    expect(slow.tail.heldBytes).toBeLessThanOrEqual(2_000);
  });

  it('share their memory, however many they are', async () => {
    const { log, tails } = open({ oneTailBytes: 100_000, tailBytes: 200_000 });
    log.add(0);
    const many = await Promise.all(
      Array.from({ length: 20 }, (_x, index) => tails.join({ tenantId: 't', buildId: `${index}` }, undefined)),
    );
    seats.push(...many);
    log.add(1_000);
    await Promise.all(many.map(({ tail }) => tail.refresh()));
    expect(many.reduce((sum, { tail }) => sum + tail.heldBytes, 0)).toBeLessThanOrEqual(200_000);
  });

  it('wait for a database that is away, and tell nothing twice', async () => {
    const { log, join } = open();
    const seat = await join(undefined);
    log.add(2);
    await seat.tail.refresh();
    log.failure = new DomainError({ kind: 'Unavailable', reason: 'DatabaseUnavailable', message: 'away' });
    log.add(2);
    await seat.tail.refresh();
    expect(seat.tail.isOver).toBe(false);
    log.failure = undefined;
    log.add(1);
    expect(await take(seat, 5)).toEqual([1, 2, 3, 4, 5]);
  });

  it('throw to their followers what waiting does not mend', async () => {
    const { log, tails, join } = open();
    const seat = await join(undefined);
    log.failure = new Error('a stored log chunk is damaged');
    await seat.tail.refresh();
    expect(() => seat.tail.next(seat.place)).toThrow('damaged');
    expect(tails.size).toBe(0);
  });

  it('tell the end behind the last record, and are gone', async () => {
    const { log, tails, join } = open();
    const seat = await join(undefined);
    log.end = { status: 'completed', reason: null };
    log.add(1);
    expect(await take(seat, 1)).toEqual([1]);
    expect(seat.tail.next(1)).toEqual({ kind: 'end', end: { status: 'completed', reason: null } });
    expect(tails.size).toBe(0);
  });

  it('are gone when the last follower leaves', async () => {
    const { log, tails } = open();
    const first = await tails.join(SUBJECT, undefined);
    const second = await tails.join(SUBJECT, undefined);
    first.tail.leave();
    expect(tails.size).toBe(1);
    second.tail.leave();
    expect(tails.size).toBe(0);
    const reads = log.reads;
    log.add(1);
    await second.tail.refresh();
    expect(log.reads).toBe(reads);
  });
});
