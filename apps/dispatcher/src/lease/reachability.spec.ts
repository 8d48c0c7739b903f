import type { WatchStaleness } from '@image-factory/domain';
import { createSilentLogger } from '@image-factory/telemetry';
import { describe, expect, it } from 'vitest';
import type { ProviderFollowers } from '../follow/provider-followers.js';
import type { ProbeAnswer } from './probe-provider.js';
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
    { staleAfterMs: 1_000, host: 'h', probe: async () => 'reached', judgedAt: () => new Date() },
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
  const seenBy = (
    live: readonly (readonly string[])[],
    judgedAt: Date | undefined = NOW,
    probe: () => Promise<ProbeAnswer> = async () => 'failed',
  ): Reachability =>
    new Reachability(
      { all: () => [] } as never,
      {
        liveDispatchers: async (at: Date = NOW) =>
          at === NOW ? live.map((unreachableProviders) => ({ host: 'h', unreachableProviders, watchAgesMs: {} })) : [],
      } as never,
      { find: async () => ({ type: 'kubernetes' }), recordWatchStaleness: async () => undefined } as never,
      { staleAfterMs: 1_000, host: 'h', probe, judgedAt: () => judgedAt },
      createSilentLogger(),
    );

  it('when every live dispatcher says so', async () => {
    expect(await seenBy([['p'], ['p', 'q']]).isLostForAll('p')).toBe(true);
    expect(await seenBy([['p'], ['q']]).isLostForAll('p')).toBe(false);
  });

  it('not while it cannot be said who lives, as on a new primary whose clock is ahead', async () => {
    const unsettled = new Reachability(
      {} as never,
      {} as never,
      {} as never,
      { staleAfterMs: 1_000, host: 'h', probe: async () => 'failed', judgedAt: () => undefined },
      createSilentLogger(),
    );
    expect(await unsettled.isLostForAll('p')).toBe(false);
    expect(await seenBy([['p']], new Date(NOW.getTime() - 25_000)).isLostForAll('p')).toBe(false);
  });

  it('by one probe for all of its executions that ask at once', async () => {
    let probes = 0;
    const reachability = seenBy([['p']], NOW, async () => {
      probes += 1;
      await new Promise(setImmediate);
      return 'failed';
    });
    const askAll = () => Promise.all(Array.from({ length: 128 }, () => reachability.isLostForAll('p')));
    expect(new Set(await askAll())).toEqual(new Set([true]));
    expect(probes).toBe(1);
    await askAll();
    expect(probes).toBe(2);
  });

  it('although it is healthy, when a probe that was not sent counts as one that failed', async () => {
    const probe = async (): Promise<ProbeAnswer> => 'notAsked';
    const failed = async (): Promise<ProbeAnswer> => ((await probe()) === 'reached' ? 'reached' : 'failed');
    expect(await seenBy([['p']], NOW, probe).isLostForAll('p')).toBe(false);
    expect(await seenBy([['p']], NOW, failed).isLostForAll('p')).toBe(true);
  });

  it('not by a probe that never left this process, which changes nothing of what is known', async () => {
    let answer: ProbeAnswer = 'notAsked';
    const reachability = seenBy([['p']], NOW, async () => answer);
    expect(await reachability.isLostForAll('p')).toBe(false);
    await reachability.look();
    expect(reachability.unreachable).toEqual([]);
    answer = 'failed';
    await reachability.look();
    answer = 'notAsked';
    await reachability.look();
    expect(reachability.unreachable).toEqual(['p']);
  });
});
