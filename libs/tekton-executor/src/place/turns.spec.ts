import { describe, expect, it } from 'vitest';
import { Turns } from './turns.js';

const never = new AbortController().signal;
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('turns', () => {
  it('are so many at once by key, given on in order, also by work that fails', async () => {
    const turns = new Turns(2);
    const begun: string[] = [];
    const ends = new Map<string, { resolve: () => void; reject: (error: Error) => void }>();
    const start = (key: string, name: string): Promise<void> =>
      turns.run(key, never, () => {
        begun.push(name);
        return new Promise((resolve, reject) => ends.set(name, { resolve, reject }));
      });
    const failing = start('a', '1');
    const rest = [start('a', '2'), start('a', '3'), start('a', '4'), start('b', '5')];
    await settle();
    expect(begun).toEqual(['1', '2', '5']);
    ends.get('1')?.reject(new Error('failed'));
    await expect(failing).rejects.toThrow('failed');
    await settle();
    expect(begun).toEqual(['1', '2', '5', '3']);
    for (const name of ['2', '3', '5']) ends.get(name)?.resolve();
    await settle();
    ends.get('4')?.resolve();
    await Promise.all(rest);
    expect(begun).toEqual(['1', '2', '5', '3', '4']);
  });

  it('are given up by whoever waits and is stopped, and are not lost so', async () => {
    const turns = new Turns(1);
    let end = (): void => undefined;
    const first = turns.run('a', never, () => new Promise<void>((resolve) => (end = resolve)));
    const stop = new AbortController();
    const second = turns.run('a', stop.signal, () => Promise.resolve('second'));
    const third = turns.run('a', never, () => Promise.resolve('third'));
    stop.abort(new Error('stopped'));
    await expect(second).rejects.toThrow('stopped');
    end();
    await first;
    expect(await third).toBe('third');
    expect(await turns.run('a', never, () => Promise.resolve('fourth'))).toBe('fourth');
  });
});
