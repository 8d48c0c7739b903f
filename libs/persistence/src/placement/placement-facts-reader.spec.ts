import { Clock, type ProviderHistory } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { PlacementFactsReader, type PlacementHistorySource } from './placement-facts-reader.js';

class HandClock extends Clock {
  atMs = 0;
  override now(): Date {
    return new Date(this.atMs);
  }
  override monotonicMs(): number {
    return this.atMs;
  }
  override sleep(): Promise<void> {
    return Promise.resolve();
  }
}

const HISTORY: ProviderHistory = {
  ended: 3,
  failed: 1,
  startSeconds: undefined,
  unreachedRegistries: [],
  runningByTenant: new Map(),
};

/** Reads that the test answers. */
class HeldHistory implements PlacementHistorySource {
  reads = 0;
  answer: () => Promise<ReadonlyMap<string, ProviderHistory>> = () => Promise.resolve(new Map([['p', HISTORY]]));

  read(): Promise<ReadonlyMap<string, ProviderHistory>> {
    this.reads += 1;
    return this.answer();
  }
}

function world() {
  const clock = new HandClock();
  const history = new HeldHistory();
  let lists = 0;
  const source = {
    list: () => {
      lists += 1;
      return Promise.resolve([]);
    },
    grantedProviderIds: () => Promise.resolve(new Set(['p'])),
  };
  const reader = new PlacementFactsReader(source, history, clock, { openBreakers: () => new Set(['q']) });
  return { clock, history, reader, lists: () => lists };
}

describe('PlacementFactsReader', () => {
  it('reads providers anew when they are old, or when asked to', async () => {
    const { clock, reader, lists } = world();
    await reader.read('t');
    await reader.read('t');
    expect(lists()).toBe(1);
    await reader.read('t', true);
    clock.atMs += 1_001;
    await reader.read('t');
    expect(lists()).toBe(3);
  });

  it('waits for the first history, and uses an old one while a new one is read', async () => {
    const { clock, history, reader } = world();
    expect((await reader.read('t')).history?.get('p')).toEqual(HISTORY);
    clock.atMs += 5_001;
    let answer: (found: ReadonlyMap<string, ProviderHistory>) => void = () => undefined;
    history.answer = () => new Promise((resolve) => (answer = resolve));
    expect((await reader.read('t')).history?.get('p')).toEqual(HISTORY);
    await reader.read('t');
    expect(history.reads).toBe(2);
    answer(new Map());
    await Promise.resolve();
    await Promise.resolve();
    expect((await reader.read('t')).history?.size).toBe(0);
  });

  it('decides without history when it cannot be read, and asks again later', async () => {
    const { clock, history, reader } = world();
    history.answer = () => Promise.reject(new Error('away'));
    const facts = await reader.read('t');
    expect(facts).toMatchObject({ grantedProviderIds: new Set(['p']), openBreakers: new Set(['q']) });
    expect(facts.history?.size).toBe(0);
    await reader.read('t');
    expect(history.reads).toBe(1);
    clock.atMs += 5_001;
    await reader.read('t');
    expect(history.reads).toBe(2);
  });
});
