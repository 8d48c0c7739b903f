import { registryOf, timeUsedUp, type AvoidedProviders, type Clock, type RetryLimits } from '@image-factory/domain';
import type {
  ClaimedExecution,
  PostgresRegistryHolds,
  PostgresRetries,
  RegistryHold,
} from '@image-factory/persistence';

/** Attempts are few; a build that any number of nodes failed is not made better by naming them all. */
const MAX_AVOIDED_NODES = 5;

/** Where a build's earlier attempts ended so that the next one goes elsewhere when it can. */
export interface AvoidedPlaces {
  readonly providers: AvoidedProviders;
  /** Of a provider that is taken again, because no other one may: the nodes that its run should not prefer. */
  readonly nodesOn: (providerId: string) => readonly string[];
}

/**
 * What earlier attempts say to placement: which registries are held, at most `maxAgeMs` old, and on which providers the
 * build's own attempts ended. A build's first attempt asks for nothing of its own.
 */
export class RetryFacts {
  #holds: { readonly atMs: number; readonly list: Promise<readonly RegistryHold[]> } | undefined;

  constructor(
    private readonly retries: PostgresRetries,
    private readonly registryHolds: PostgresRegistryHolds,
    private readonly limits: RetryLimits,
    private readonly clock: Clock,
    private readonly maxAgeMs = 500,
  ) {}

  /** The hold on the registry that the build pushes to, when it is for this tenant too. */
  async holdOn(claimed: ClaimedExecution): Promise<RegistryHold | undefined> {
    if (claimed.imageRepository === undefined) return undefined;
    const registry = registryOf(claimed.imageRepository);
    return (await this.#list()).find(
      (hold) => hold.registry === registry && (hold.tenantId ?? claimed.tenantId) === claimed.tenantId,
    );
  }

  /** Why the build may not start another attempt: its back-off was short enough, and then it waited for its turn. */
  async timeUsedUp(claimed: ClaimedExecution): Promise<string | undefined> {
    if (claimed.attempt === 1) return undefined;
    return timeUsedUp(await this.retries.history(claimed.buildId), this.limits);
  }

  async avoided(claimed: ClaimedExecution): Promise<AvoidedPlaces> {
    if (claimed.attempt === 1) return { providers: new Map(), nodesOn: () => [] };
    const avoided = await this.retries.avoidedProviders(claimed.buildId);
    const nodes = new Map(avoided.map((one) => [one.providerId, one.nodes.slice(0, MAX_AVOIDED_NODES)]));
    const providers = avoided.map(({ providerId, attempt, reason }) => {
      const message = `attempt ${attempt} ended there with ${reason}, and another provider may take it`;
      return [providerId, { attempt, message }] as const;
    });
    return { providers: new Map(providers), nodesOn: (providerId) => nodes.get(providerId) ?? [] };
  }

  #list(): Promise<readonly RegistryHold[]> {
    const atMs = this.clock.monotonicMs();
    if (this.#holds !== undefined && atMs - this.#holds.atMs <= this.maxAgeMs) return this.#holds.list;
    const entry = { atMs, list: this.registryHolds.list() };
    this.#holds = entry;
    entry.list.catch(() => {
      if (this.#holds === entry) this.#holds = undefined;
    });
    return entry.list;
  }
}
