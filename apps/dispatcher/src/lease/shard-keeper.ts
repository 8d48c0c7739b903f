import type { Provider, ProviderRepository } from '@image-factory/domain';
import type { PostgresLeases, PostgresOwnership, ShardLease } from '@image-factory/persistence';
import type { Logger, Metrics } from '@image-factory/telemetry';
import type { ProviderFollowers } from '../follow/provider-followers.js';
import { planShards, shardKey, type ShardPlan, type ShardRow } from './plan-shards.js';

export interface ShardKeeperOptions {
  /** The host whose local shard is ours to hold. */
  readonly host: string;
  readonly dispatcherId: () => string | undefined;
  /** The database's time, when we may take over what another owned; else undefined (correctness rule 20). */
  readonly judgedAt: () => Date | undefined;
  /** Most shards of dead owners to take at once. */
  readonly adoptBatch: number;
  /** New shards are held: look for their executions. */
  readonly onAcquired: () => Promise<void>;
}

/** The databases' rows that shard keeping reads and writes. */
export interface ShardKeeperStores {
  readonly leases: PostgresLeases;
  readonly ownership: PostgresOwnership;
  readonly providers: ProviderRepository;
}

/**
 * Keeps the shards that this dispatcher should hold, and no others. Each round: rows against memory both ways (rule 2),
 * then rendezvous hashing over the live dispatchers decides what to take, to adopt, to hand over. A shard that goes is
 * first left alone here, then released, so its next owner never works beside us.
 *
 * The shards of the dead are adopted batch after batch, one a round and no wait between, however many builds are followed
 * here already: hashing names one heir, and a build that nobody follows is not cancelled, not timed and not read.
 */
export class ShardKeeper {
  /** Tokens of shards on their way out: still ours in the database, not to be taken up again. */
  readonly #leaving = new Set<string>();
  /** Tokens of those among them under which work may still run. */
  readonly #busy = new Set<string>();
  readonly #handOvers = new Set<Promise<void>>();
  /** The last round took a whole batch of the dead's. */
  #adopting = false;

  constructor(
    private readonly stores: ShardKeeperStores,
    private readonly followers: ProviderFollowers,
    private readonly options: ShardKeeperOptions,
    private readonly logger: Logger,
    private readonly metrics: Metrics,
  ) {}

  /** One round. @returns true when the dead have left more than a batch: the next round has something to take */
  async keep(): Promise<boolean> {
    const me = this.options.dispatcherId();
    if (me === undefined) return false;
    const providers = await this.#followable();
    this.followers.updateProviders([...providers.values()]);
    if (!this.#adopting) await this.#ensureRows(providers);
    const shards = await this.stores.leases.listShards();
    const held = shards.flatMap(({ providerId, host, shard, owner, token }) =>
      owner === me && token !== undefined ? [{ providerId, host, shard, token }] : [],
    );
    const gained = await this.#reconcileMemory(held, providers);
    const plan = await this.#plan(me, providers, shards);
    this.#giveUp(plan.giveUp);
    this.#giveUp(this.followers.leases.filter((lease) => !providers.has(lease.providerId)));
    const acquired = await this.#acquire(me, plan, providers);
    if (gained + acquired > 0) await this.options.onAcquired();
    this.#adopting = acquired > 0 && plan.adopt.length === this.options.adoptBatch;
    return this.#adopting;
  }

  /** A fenced write said that the shard has another owner. */
  async drop(fence: ShardLease): Promise<void> {
    this.logger.warn('a shard has another owner now', { shard: shardKey(fence) });
    await this.followers.giveUp([fence]);
  }

  /** Ends work on everything, and frees each provider's shards as soon as nothing runs under them any more. */
  async releaseAll(): Promise<void> {
    this.#giveUp(this.followers.leases);
    await Promise.all(this.#handOvers);
  }

  /** Nothing runs here under any shard: whoever has them next works alone. */
  get isIdle(): boolean {
    return this.#busy.size === 0 && this.followers.leases.length === 0;
  }

  /** Disabled providers are followed only while something of theirs is not swept. */
  async #followable(): Promise<Map<string, Provider>> {
    const all = await this.stores.providers.list();
    const needed = all.some((provider) => provider.state === 'disabled')
      ? await this.stores.ownership.providersWithUnsweptExecutions()
      : new Set<string>();
    const followable = all.filter((provider) => provider.state !== 'disabled' || needed.has(provider.id));
    return new Map(followable.map((provider) => [provider.id, provider]));
  }

  async #ensureRows(providers: ReadonlyMap<string, Provider>): Promise<void> {
    for (const provider of providers.values()) {
      const local = provider.type === 'local';
      await this.stores.leases.ensureShards(
        provider.id,
        local ? this.options.host : '',
        local ? 1 : provider.shardCount,
      );
    }
  }

  /** What the database says is ours and we do not know (an answer was lost) is taken up; what it denies is dropped. */
  async #reconcileMemory(held: readonly ShardLease[], providers: ReadonlyMap<string, Provider>): Promise<number> {
    const heldTokens = new Set(held.map((lease) => lease.token));
    const known = new Set(this.followers.leases.map((lease) => lease.token));
    const denied = this.followers.leases.filter((lease) => !heldTokens.has(lease.token));
    if (denied.length > 0) await this.followers.giveUp(denied);
    const unknown = held.filter((lease) => !known.has(lease.token) && !this.#leaving.has(lease.token));
    for (const lease of unknown) {
      const provider = providers.get(lease.providerId);
      if (provider !== undefined) this.followers.hold(provider, [lease]);
    }
    return unknown.length;
  }

  async #plan(me: string, providers: ReadonlyMap<string, Provider>, shards: readonly ShardRow[]): Promise<ShardPlan> {
    const live = await this.stores.ownership.liveDispatchers();
    // By its clock, our own lease has ended or not begun: the next heartbeat says which, and nothing moves before.
    if (!live.some(({ id }) => id === me)) return { acquire: [], adopt: [], giveUp: [] };
    return planShards({
      me,
      candidates: live.map(({ id, host, unreachableProviders, silentProviders }) => ({
        id,
        host,
        stuck: new Set([...unreachableProviders, ...silentProviders]),
      })),
      shards: shards.filter(({ providerId }) => providers.has(providerId)),
      mayAdopt: this.options.judgedAt() !== undefined,
      adoptBatch: this.options.adoptBatch,
    });
  }

  /** Hands shards over, each provider's on its own: what still runs on a sick cluster delays only its own shards. */
  #giveUp(rows: readonly Pick<ShardRow, 'providerId' | 'host' | 'shard'>[]): void {
    const keys = new Set(rows.map(shardKey));
    const leases = this.followers.leases.filter((lease) => keys.has(shardKey(lease)));
    for (const providerId of new Set(leases.map((lease) => lease.providerId))) {
      const handOver = this.#handOver(leases.filter((lease) => lease.providerId === providerId));
      this.#handOvers.add(handOver);
      void handOver.finally(() => this.#handOvers.delete(handOver));
    }
  }

  async #handOver(leases: readonly ShardLease[]): Promise<void> {
    for (const { token } of leases) {
      this.#leaving.add(token);
      this.#busy.add(token);
    }
    try {
      this.logger.info('shards are handed over', { provider: leases[0]?.providerId, shards: leases.length });
      await this.followers.giveUp(leases);
      for (const { token } of leases) this.#busy.delete(token);
      await this.stores.leases.release({ leases });
    } catch (error) {
      this.logger.warn('shards could not be handed over; they are taken up again', { error });
    } finally {
      for (const lease of leases) this.#leaving.delete(lease.token);
    }
  }

  async #acquire(me: string, plan: ShardPlan, providers: ReadonlyMap<string, Provider>): Promise<number> {
    let count = 0;
    for (const group of byProvider([...plan.acquire, ...plan.adopt])) {
      const provider = providers.get(group.providerId);
      if (provider === undefined) continue;
      const request = { ...group, dispatcherId: me, max: group.shards.length };
      const leases = await this.stores.leases.acquire({ ...request, judgedAt: this.options.judgedAt() });
      this.followers.hold(provider, leases);
      count += leases.length;
      if (leases.length > 0) this.logger.info('shards acquired', { provider: provider.name, shards: leases.length });
    }
    if (plan.adopt.length > 0) this.metrics.count('adoptions', plan.adopt.length);
    return count;
  }
}

function byProvider(rows: readonly ShardRow[]): { providerId: string; host: string; shards: number[] }[] {
  const groups = new Map<string, { providerId: string; host: string; shards: number[] }>();
  for (const { providerId, host, shard } of rows) {
    const key = `${providerId}/${host}`;
    const group = groups.get(key) ?? { providerId, host, shards: [] };
    group.shards.push(shard);
    groups.set(key, group);
  }
  return [...groups.values()];
}
