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
    { staleAfterMs: 1_000, host: 'h', probe: async () => true },
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
