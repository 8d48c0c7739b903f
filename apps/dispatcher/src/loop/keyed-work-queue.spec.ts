import { describe, expect, it } from 'vitest';
import { systemClock } from '@image-factory/telemetry';
import { KeyedWorkQueue } from './keyed-work-queue.js';

/** A queue whose work waits until the test lets it end. */
function heldQueue(concurrency: number) {
  const running = new Map<string, () => void>();
  const done: string[] = [];
  const queue = new KeyedWorkQueue({
    concurrency,
    clock: systemClock,
    work: (key) =>
      new Promise((resolve) => {
        running.set(key, () => {
          running.delete(key);
          done.push(key);
          resolve();
        });
      }),
  });
  return { queue, running, done };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('KeyedWorkQueue', () => {
  it('works on a key once at a time, and again when it was added meanwhile', async () => {
    const { queue, running, done } = heldQueue(4);
    queue.add('a');
    queue.add('a');
    queue.add('a');
    expect(running.size).toBe(1);
    running.get('a')?.();
    await settle();
    expect(running.size).toBe(1);
    running.get('a')?.();
    await settle();
    expect(running.size).toBe(0);
    expect(done).toEqual(['a', 'a']);
  });

  it('bounds how many keys are worked on at once', async () => {
    const { queue, running } = heldQueue(2);
    for (const key of ['a', 'b', 'c']) queue.add(key);
    expect([...running.keys()]).toEqual(['a', 'b']);
    running.get('a')?.();
    await settle();
    expect([...running.keys()]).toEqual(['b', 'c']);
  });

  it('takes nothing new once closed and waits for what runs', async () => {
    const { queue, running, done } = heldQueue(1);
    queue.add('a');
    queue.add('b');
    const closed = queue.close();
    queue.add('c');
    running.get('a')?.();
    await closed;
    expect(done).toEqual(['a']);
    expect(running.size).toBe(0);
  });
});
