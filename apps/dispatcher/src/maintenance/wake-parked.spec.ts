import type { ProviderRoom } from '@image-factory/persistence';
import { describe, expect, it } from 'vitest';
import type { DispatcherRuntime } from '../runtime/dispatcher-runtime.js';
import { WakeParked } from './wake-parked.js';

const HEALTHY = { verdict: 'healthy', tektonAnswers: true, watchFresh: true } as const;
const FIT: ProviderRoom = {
  id: 'p',
  state: 'enabled',
  generation: 1,
  maxConcurrentBuilds: 2,
  running: 1,
  sweepBehind: false,
  health: HEALTHY,
};

/** Rooms one look after the other, and what was woken at each. */
async function woken(...rooms: readonly ProviderRoom[]): Promise<string[][]> {
  const wakes: string[][] = [];
  const wakeParked = new WakeParked();
  for (const room of rooms) {
    const woke: string[] = [];
    const queue = {
      roomOfProviders: () => Promise.resolve([room]),
      wakeForProvider: (id: string) => Promise.resolve(woke.push(id)),
    };
    await wakeParked.run({ parts: { stores: { queue } } } as unknown as DispatcherRuntime);
    wakes.push(woke);
  }
  return wakes;
}

describe('builds that wait for a provider', () => {
  it.each<readonly [string, Partial<ProviderRoom>]>([
    ['is healthy again', { health: { ...HEALTHY, verdict: 'unhealthy' } }],
    ['has a watch again that proves something', { health: { ...HEALTHY, verdict: 'degraded', watchFresh: false } }],
    ['has a slot again', { running: 2 }],
    ['has swept its runs', { sweepBehind: true }],
    ['takes builds again', { state: 'cordoned' }],
  ])('are woken when one %s', async (_what, before) => {
    const [, , again] = await woken(FIT, { ...FIT, ...before }, FIT, FIT);
    expect(again).toEqual(['p']);
  });

  it('are woken when its configuration has changed, and not by what changes nothing for them', async () => {
    const changed = { ...FIT, generation: 2 };
    expect(await woken(FIT, FIT, { ...FIT, running: 0 }, changed, changed)).toEqual([['p'], [], [], ['p'], []]);
  });
});
