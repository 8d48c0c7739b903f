import { isUsable, type Provider } from '@image-factory/domain';
import type { DispatcherRuntime } from '../runtime/dispatcher-runtime.js';

/**
 * Wakes builds that are parked for want of a provider when one has become fit: its state, health, generation or room
 * has changed for the better since the last look. Pods that end wake their provider's builds at once by themselves; this
 * is what notices all other changes, by whomever they were made.
 */
export class WakeParked {
  readonly #known = new Map<string, string>();

  async run(runtime: DispatcherRuntime): Promise<number> {
    const { providers, queue } = runtime.parts.stores;
    let woken = 0;
    let any = false;
    for (const provider of await providers.list()) {
      const fitness = fitnessOf(provider);
      const before = this.#known.get(provider.id);
      this.#known.set(provider.id, fitness);
      if (before === fitness || fitness === UNFIT) continue;
      any = true;
      woken += await queue.wake(`provider:${provider.id}`);
    }
    return any ? woken + (await queue.wake('provider:any')) : woken;
  }
}

const UNFIT = 'unfit';

/** Equal while nothing changed that could let another build in. */
function fitnessOf(provider: Provider): string {
  const full = provider.maxConcurrentBuilds > 0 && provider.running >= provider.maxConcurrentBuilds;
  if (provider.state !== 'enabled' || !isUsable(provider.health) || full) return UNFIT;
  return `${provider.generation}/${provider.maxConcurrentBuilds}`;
}
