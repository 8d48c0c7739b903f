import { isUsable } from '@image-factory/domain';
import type { ProviderRoom } from '@image-factory/persistence';
import type { DispatcherRuntime } from '../runtime/dispatcher-runtime.js';

/**
 * Wakes builds that are parked for want of a provider when one has become fit: its state, health, generation or room
 * has changed for the better since the last look. Pods that end wake their provider's builds at once by themselves; this
 * is what notices all other changes, by whomever they were made.
 */
export class WakeParked {
  readonly #known = new Map<string, string>();

  async run(runtime: DispatcherRuntime): Promise<number> {
    const { queue } = runtime.parts.stores;
    let woken = 0;
    for (const provider of await queue.roomOfProviders()) {
      const fitness = fitnessOf(provider);
      const before = this.#known.get(provider.id);
      this.#known.set(provider.id, fitness);
      if (before === fitness || fitness === UNFIT) continue;
      woken += await queue.wakeForProvider(provider.id, atOnce(provider));
    }
    return woken;
  }
}

const UNFIT = 'unfit';

/** Most builds that one change wakes. */
const MOST_AT_ONCE = 1_000;

/** As many as may find room: what does not is claimed and parked again for nothing. */
function atOnce(provider: ProviderRoom): number {
  if (provider.maxConcurrentBuilds === 0) return MOST_AT_ONCE;
  return Math.min(MOST_AT_ONCE, provider.maxConcurrentBuilds - provider.running);
}

/** Equal while nothing changed that could let another build in. */
function fitnessOf(provider: ProviderRoom): string {
  const full = provider.maxConcurrentBuilds > 0 && provider.running >= provider.maxConcurrentBuilds;
  const unfit = full || provider.sweepBehind;
  if (provider.state !== 'enabled' || !isUsable(provider.health) || unfit) return UNFIT;
  return `${provider.generation}/${provider.maxConcurrentBuilds}`;
}
