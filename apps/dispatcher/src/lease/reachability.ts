import type { ProviderRepository } from '@image-factory/domain';
import type { PostgresOwnership } from '@image-factory/persistence';
import type { Logger } from '@image-factory/telemetry';
import type { ProviderFollowers } from '../follow/provider-followers.js';

export interface ReachabilityOptions {
  /** A watch that has proved nothing for this long makes no progress. */
  readonly staleAfterMs: number;
  readonly host: string;
  /** Asks the provider's API server anything at all; false when there is no answer. Must not throw. */
  readonly probe: (providerId: string) => Promise<boolean>;
}

/**
 * Which providers this dispatcher cannot reach: those whose watch has gone silent here, and those that another
 * dispatcher reports and our own probe fails for. The heartbeat carries the list. A shard follows whoever reaches its
 * cluster, and `lost` needs everybody's failure (correctness rule 7).
 */
export class Reachability {
  readonly #unreachable = new Set<string>();
  readonly #stale = new Set<string>();

  constructor(
    private readonly followers: ProviderFollowers,
    private readonly ownership: PostgresOwnership,
    private readonly providers: ProviderRepository,
    private readonly options: ReachabilityOptions,
    private readonly logger: Logger,
  ) {}

  get unreachable(): readonly string[] {
    return [...this.#unreachable];
  }

  /** One round: watches by their age, suspects by a probe. */
  async look(): Promise<void> {
    const suspects = new Set(this.#unreachable);
    for (const dispatcher of await this.ownership.liveDispatchers()) {
      for (const providerId of dispatcher.unreachableProviders) suspects.add(providerId);
    }
    for (const follower of this.followers.all()) {
      const stale = follower.follower.watchAgeMs() > this.options.staleAfterMs;
      if (stale) suspects.add(follower.providerId);
      await this.#recordFreshness(follower.providerId, stale);
    }
    await Promise.all([...suspects].map((providerId) => this.#judge(providerId)));
  }

  /** True when every live dispatcher that could serve the provider has failed to reach it, and so do we right now. */
  async isLostForAll(providerId: string): Promise<boolean> {
    const provider = await this.providers.find(providerId);
    const live = await this.ownership.liveDispatchers();
    const able = live.filter((dispatcher) => provider?.type !== 'local' || dispatcher.host === this.options.host);
    if (!able.every((dispatcher) => dispatcher.unreachableProviders.includes(providerId))) return false;
    return !(await this.options.probe(providerId));
  }

  async #judge(providerId: string): Promise<void> {
    const reached = await this.options.probe(providerId);
    const silent = this.#stale.has(providerId);
    if (reached && !silent) {
      if (this.#unreachable.delete(providerId)) this.logger.info('provider reached again', { provider: providerId });
    } else if (!this.#unreachable.has(providerId)) {
      this.#unreachable.add(providerId);
      this.logger.warn('provider not reached from here', { provider: providerId, probe: reached, watch: silent ? 'silent' : 'none' });
    }
  }

  async #recordFreshness(providerId: string, stale: boolean): Promise<void> {
    if (stale === this.#stale.has(providerId)) return;
    await this.providers.recordWatchFreshness(providerId, !stale);
    if (stale) this.#stale.add(providerId);
    else this.#stale.delete(providerId);
  }
}
