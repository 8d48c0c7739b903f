import {
  infrastructureTypeOf,
  type BuildExecutor,
  type InfrastructureType,
  type Provider,
} from '@image-factory/domain';
import type { OwnedSummary, ShardLease } from '@image-factory/persistence';
import type { FollowerParts } from './follower-parts.js';
import { ProviderFollower } from './provider-follower.js';

export type Executors = Readonly<Partial<Record<InfrastructureType, BuildExecutor>>>;

/** The followers of this process, one per provider with shards held here. */
export class ProviderFollowers {
  readonly #followers = new Map<string, ProviderFollower>();

  constructor(
    private readonly executors: Executors,
    private readonly parts: FollowerParts,
  ) {}

  /** Shards that were acquired: their provider's follower is opened when it is the first. */
  hold(provider: Provider, leases: readonly ShardLease[]): void {
    if (leases.length === 0) return;
    const executor = this.executors[infrastructureTypeOf(provider.type)];
    if (executor === undefined) return;
    let follower = this.#followers.get(provider.id);
    if (follower === undefined) {
      follower = new ProviderFollower(provider, executor, this.parts);
      this.#followers.set(provider.id, follower);
    }
    follower.hold(leases);
  }

  updateProviders(providers: readonly Provider[]): void {
    for (const provider of providers) this.#followers.get(provider.id)?.update(provider);
  }

  /** All that is known, as it was when its row was read last. */
  get summaries(): readonly OwnedSummary[] {
    return this.all().flatMap((follower) => follower.summaries);
  }

  /** Those of the ids that no follower knows; the others are looked at. */
  touch(executionIds: readonly string[]): string[] {
    const followers = this.all();
    return executionIds.filter((id) => !followers.some((follower) => follower.touch(id)));
  }

  /** Executions that are new on our shards, or have changed. */
  takeUp(summaries: readonly OwnedSummary[]): void {
    for (const summary of summaries) this.#followers.get(summary.providerId)?.takeUp(summary);
  }

  /** Ends all work on the shards, each provider's on its own; a follower that has no shards left is closed. */
  async giveUp(leases: readonly ShardLease[]): Promise<void> {
    const providerIds = [...new Set(leases.map((lease) => lease.providerId))];
    await Promise.all(
      providerIds.map(async (providerId) => {
        const follower = this.#followers.get(providerId);
        if (follower === undefined) return;
        await follower.giveUp(leases.filter((lease) => lease.providerId === providerId));
        if (follower.leases.length > 0) return;
        if (this.#followers.get(providerId) === follower) this.#followers.delete(providerId);
        await follower.close();
      }),
    );
  }

  async closeAll(): Promise<void> {
    const followers = [...this.#followers.values()];
    this.#followers.clear();
    await Promise.all(followers.map((follower) => follower.close()));
  }

  find(providerId: string): ProviderFollower | undefined {
    return this.#followers.get(providerId);
  }

  all(): readonly ProviderFollower[] {
    return [...this.#followers.values()];
  }

  get leases(): readonly ShardLease[] {
    return this.all().flatMap((follower) => follower.leases);
  }

  get slotsUsed(): number {
    return this.all().reduce((sum, follower) => sum + follower.slotsUsed, 0);
  }

  get live(): number {
    return this.all().reduce((sum, follower) => sum + follower.live, 0);
  }
}
