import { describe, expect, it } from 'vitest';
import type { Database } from '../database/database.js';
import { CHANNELS, Notifier } from './notifier.js';

/** A database that answers when it is told to. */
class HeldDatabase {
  readonly payloads: string[][] = [];
  #answer: (() => void)[] = [];

  query(_sql: string, [, payloads]: [string[], string[]]): Promise<void> {
    this.payloads.push(payloads);
    return new Promise((resolve) => this.#answer.push(resolve));
  }

  answer(): void {
    this.#answer.shift()?.();
  }
}

describe('the notifier on a database that hangs', () => {
  it('keeps one more batch and at most "all" of a channel, however much is touched', async () => {
    const database = new HeldDatabase();
    const notifier = new Notifier(database as unknown as Database, { debounceMs: 0 });
    notifier.touch(CHANNELS.events, 'first');
    const sent = notifier.flush();
    await Promise.resolve();
    for (let index = 0; index < 5_000; index += 1) notifier.touch(CHANNELS.events, `build-${index}`);
    notifier.touch(CHANNELS.queue, 'tenant');
    const flushes = Array.from({ length: 20 }, () => notifier.flush());
    expect(database.payloads).toEqual([['first']]);
    database.answer();
    await sent;
    await Promise.resolve();
    expect(database.payloads.slice(1)).toEqual([['all', 'tenant']]);
    database.answer();
    await Promise.all(flushes);
    expect(database.payloads).toHaveLength(2);
  });
});
