import type { ProviderRepository } from '@image-factory/domain';
import type { LiveDispatcher, PostgresOwnership } from '@image-factory/persistence';
import type { GaugeReading, Logger } from '@image-factory/telemetry';
import type { ProviderFollowers } from '../follow/provider-followers.js';
import type { ProbeAnswer } from './probe-provider.js';

export interface ReachabilityOptions {
  /** A watch that has proved nothing for this long makes no progress. */
  readonly staleAfterMs: number;
  readonly host: string;
  /** The database's time, while it may be said who lives; else undefined (correctness rule 20). */
  readonly judgedAt: () => Date | undefined;
  /** Asks the provider's API server anything at all. Must not throw. */
  readonly probe: (providerId: string) => Promise<ProbeAnswer>;
}

/** Ten minutes of heartbeats. */
const FORGIVEN_AFTER_LOOKS = 120;
/** Most providers whose watch's age a heartbeat carries. */
const MOST_AGES = 1_000;

/**
 * Where this dispatcher makes no progress. *Unreachable*: our own probe fails; looked at when our watch has gone silent
 * or another dispatcher reports it. *Silent*: it answers, but our watch proves nothing. The heartbeat carries both. A
 * shard follows whoever makes progress on its cluster; `lost` needs everybody's failed probe (correctness rule 7).
 */
export class Reachability {
  readonly #unreachable = new Set<string>();
  /** Probes that are under way, by provider: all who ask meanwhile share one. */
  readonly #probes = new Map<string, Promise<ProbeAnswer>>();
  /** Looks after which a silent provider that we do not follow any more is forgiven. */
  readonly #silent = new Map<string, number>();

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

  get silent(): readonly string[] {
    return [...this.#silent.keys()];
  }

  /** Age of the slowest watch on each provider that is followed here, for the heartbeat and for metrics. */
  watchAgesMs(): Readonly<Record<string, number>> {
    const followed = this.followers.all().slice(0, MOST_AGES);
    return Object.fromEntries(
      followed.map(({ providerId, follower }) => [providerId, Math.round(follower.watchAgeMs())]),
    );
  }

  /** The same for a gauge, in seconds. */
  watchAgeReadings(): readonly GaugeReading[] {
    return Object.entries(this.watchAgesMs()).map(([provider, ms]) => ({ value: ms / 1000, attributes: { provider } }));
  }

  /** One round: watches by their age, suspects by a probe. */
  async look(): Promise<void> {
    const suspects = new Set(this.#unreachable);
    const live = await this.ownership.liveDispatchers();
    for (const dispatcher of live) {
      for (const providerId of dispatcher.unreachableProviders) suspects.add(providerId);
    }
    const followed = new Set<string>();
    for (const follower of this.followers.all()) {
      followed.add(follower.providerId);
      const silent = follower.follower.watchAgeMs() > this.options.staleAfterMs;
      if (silent) suspects.add(follower.providerId);
      this.#noteSilence(follower.providerId, silent);
    }
    await this.#recordStaleness(live);
    await Promise.all([...suspects].map((providerId) => this.#judge(providerId)));
    this.#forgiveUnfollowed(followed);
  }

  /** True when every live dispatcher that could serve the provider has failed to reach it, and so do we right now. */
  async isLostForAll(providerId: string): Promise<boolean> {
    const judgedAt = this.options.judgedAt();
    if (judgedAt === undefined) return false;
    const provider = await this.providers.find(providerId);
    const live = await this.ownership.liveDispatchers(judgedAt);
    const able = live.filter((dispatcher) => provider?.type !== 'local' || dispatcher.host === this.options.host);
    if (able.length === 0 || !able.every((dispatcher) => dispatcher.unreachableProviders.includes(providerId)))
      return false;
    return (await this.#probe(providerId)) === 'failed';
  }

  async #judge(providerId: string): Promise<void> {
    const answer = await this.#probe(providerId);
    if (answer === 'reached') {
      if (this.#unreachable.delete(providerId)) this.logger.info('provider reached again', { provider: providerId });
    } else if (answer === 'failed' && !this.#unreachable.has(providerId)) {
      this.#unreachable.add(providerId);
      this.logger.warn('provider not reached from here', { provider: providerId });
    }
  }

  #probe(providerId: string): Promise<ProbeAnswer> {
    const underWay = this.#probes.get(providerId);
    if (underWay !== undefined) return underWay;
    const probe = this.options.probe(providerId).finally(() => this.#probes.delete(providerId));
    this.#probes.set(providerId, probe);
    return probe;
  }

  #noteSilence(providerId: string, silent: boolean): void {
    if (silent === this.#silent.has(providerId)) return;
    if (silent) {
      this.#silent.set(providerId, FORGIVEN_AFTER_LOOKS);
      this.logger.warn('the watch of a provider proves nothing any more', { provider: providerId });
    } else this.#silent.delete(providerId);
  }

  /**
   * A cluster's watch is stale when that of any live dispatcher is which follows it now. Each dispatcher says so for all
   * clusters, so that it ends with whoever saw it: who dies, or gives its shards up, takes its silence along.
   */
  async #recordStaleness(live: readonly LiveDispatcher[]): Promise<void> {
    const afterMs = this.options.staleAfterMs;
    const ages = [this.watchAgesMs(), ...live.map(({ watchAgesMs }) => watchAgesMs)];
    const stale = ages.flatMap((one) => Object.keys(one).filter((providerId) => (one[providerId] ?? 0) > afterMs));
    await this.providers.recordWatchStaleness({ stale: [...new Set(stale)], afterMs });
  }

  /** A silent provider that was given up is tried again after a while: what made its watch silent here may be over. */
  #forgiveUnfollowed(followed: ReadonlySet<string>): void {
    for (const [providerId, looks] of this.#silent) {
      if (followed.has(providerId)) continue;
      if (looks <= 1) this.#silent.delete(providerId);
      else this.#silent.set(providerId, looks - 1);
    }
  }
}
