import { describe, expect, it } from 'vitest';
import { RecentRead } from './recent-read.js';

interface Read {
  readonly resolve: (value: string) => void;
  readonly reject: (error: Error) => void;
}

function reader() {
  const reads: Read[] = [];
  const clock = { nowMs: 0, now: () => new Date(0), monotonicMs: () => clock.nowMs, sleep: () => Promise.resolve() };
  const read = (): Promise<string> => new Promise((resolve, reject) => reads.push({ resolve, reject }));
  return { reads, clock, recent: new RecentRead(read, clock, 250) };
}

/** Lets everything run that waits for nothing. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('RecentRead', () => {
  it('serves what was read lately, and reads again when it is too old', async () => {
    const { reads, clock, recent } = reader();
    const first = recent.get();
    await turn();
    reads[0]?.resolve('one');
    expect(await first).toBe('one');
    clock.nowMs = 125;
    expect(await recent.get()).toBe('one');
    expect(reads).toHaveLength(1);
    clock.nowMs = 251;
    const second = recent.get();
    await turn();
    reads[1]?.resolve('two');
    expect(await second).toBe('two');
  });

  it('serves what is half as old as it may be while it is read again, and the new one from then on', async () => {
    const { reads, clock, recent } = reader();
    const first = recent.get();
    await turn();
    reads[0]?.resolve('one');
    await first;
    clock.nowMs = 126;
    expect(await Promise.all([recent.get(), recent.get()])).toEqual(['one', 'one']);
    await turn();
    expect(reads).toHaveLength(2);
    reads[1]?.reject(new Error('gone'));
    await turn();
    expect(await recent.get()).toBe('one');
    await turn();
    expect(reads).toHaveLength(3);
    reads[2]?.resolve('three');
    await turn();
    clock.nowMs = 251;
    expect(await recent.get()).toBe('three');
  });

  it('gives what is being read again to who comes when the last one has become too old', async () => {
    const { reads, clock, recent } = reader();
    const first = recent.get();
    await turn();
    reads[0]?.resolve('one');
    await first;
    clock.nowMs = 200;
    await recent.get();
    clock.nowMs = 251;
    const late = [recent.get(), recent.get()];
    await turn();
    expect(reads).toHaveLength(2);
    reads[1]?.resolve('two');
    expect(await Promise.all(late)).toEqual(['two', 'two']);
  });

  it('gives who asks for a fresh one what was read after they asked, one read for all of them', async () => {
    const { reads, recent } = reader();
    const first = recent.get();
    await turn();
    const fresh = [recent.get(true), recent.get(true), recent.get(true)];
    await turn();
    expect(reads).toHaveLength(1);
    reads[0]?.resolve('old');
    await turn();
    expect(reads).toHaveLength(2);
    reads[1]?.resolve('new');
    expect(await Promise.all([first, ...fresh])).toEqual(['old', 'new', 'new', 'new']);
  });

  it('does not keep a read that failed', async () => {
    const { reads, recent } = reader();
    const first = recent.get();
    await turn();
    reads[0]?.reject(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    const second = recent.get();
    await turn();
    reads[1]?.resolve('back');
    expect(await second).toBe('back');
  });
});
