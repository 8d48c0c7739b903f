import type { WatchStaleness } from '@image-factory/domain';
import { createSilentLogger } from '@image-factory/telemetry';
import { describe, expect, it } from 'vitest';
import type { ProviderFollowers } from '../follow/provider-followers.js';
import { Reachability } from './reachability.js';

/** A dispatcher that follows watches of these ages, beside live ones that report theirs. */
async function staleSeenBy(
  own: Readonly<Record<string, number>>,
  others: readonly Readonly<Record<string, number>>[],
): Promise<readonly string[]> {
  const recorded: WatchStaleness[] = [];
  const all = Object.entries(own).map(([providerId, age]) => ({ providerId, follower: { watchAgeMs: () => age } }));
  const live = others.map((watchAgesMs) => ({ unreachableProviders: [], watchAgesMs }));
  const reachability = new Reachability(
    { all: () => all } as unknown as ProviderFollowers,
    { liveDispatchers: async () => live } as never,
    { recordWatchStaleness: async (one: WatchStaleness) => recorded.push(one) } as never,
    { staleAfterMs: 1_000, host: 'h', probe: async () => true, judgedAt: () => new Date() },
    createSilentLogger(),
  );
  await reachability.look();
  return recorded[0]?.stale ?? expect.unreachable('nothing was recorded');
}

describe('the staleness of watches', () => {
  it('is that of whoever follows now, this process or another one', async () => {
    expect(await staleSeenBy({ a: 1_001, b: 1_000 }, [{ c: 2_000, d: 0 }, { a: 5_000 }])).toEqual(['a', 'c']);
  });

  it('ends with the dispatcher that saw it: a new process says so for all, also for what it does not follow', async () => {
    expect(await staleSeenBy({}, [])).toEqual([]);
  });
});

describe('a provider is lost for all', () => {
  const NOW = new Date();
  const lost = (judgedAt: Date | undefined, live: readonly (readonly string[])[]): Promise<boolean> =>
    new Reachability(
      {} as never,
      {
        liveDispatchers: async (at?: Date) =>
          at === NOW ? live.map((unreachableProviders) => ({ host: 'h', unreachableProviders })) : [],
      } as never,
      { find: async () => ({ type: 'kubernetes' }) } as never,
      { staleAfterMs: 1_000, host: 'h', probe: async () => false, judgedAt: () => judgedAt },
      createSilentLogger(),
    ).isLostForAll('p');

  it('when every live dispatcher says so', async () => {
    expect(await lost(NOW, [['p'], ['p', 'q']])).toBe(true);
    expect(await lost(NOW, [['p'], ['q']])).toBe(false);
  });

  it('not while it cannot be said who lives, as on a new primary whose clock is ahead', async () => {
    expect(await lost(undefined, [['p']])).toBe(false);
    expect(await lost(new Date(NOW.getTime() - 25_000), [['p']])).toBe(false);
  });
});
