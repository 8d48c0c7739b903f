import { registryOf, type AvoidedProviders, type Clock } from '@image-factory/domain';
import type {
  ClaimedExecution,
  PostgresRegistryHolds,
  PostgresRetries,
  RegistryHold,
} from '@image-factory/persistence';

/**
 * What earlier attempts say to placement: which registries are held, at most `maxAgeMs` old, and on which providers the
 * build's own attempts ended. A build's first attempt asks for nothing of its own.
 */
export class RetryFacts {
  #holds: { readonly atMs: number; readonly list: Promise<readonly RegistryHold[]> } | undefined;

  constructor(
    private readonly retries: PostgresRetries,
    private readonly registryHolds: PostgresRegistryHolds,
    private readonly clock: Clock,
    private readonly maxAgeMs = 500,
  ) {}

  /** The hold on the registry that the build pushes to. */
  async holdOn(claimed: ClaimedExecution): Promise<RegistryHold | undefined> {
    if (claimed.imageRepository === undefined) return undefined;
    const registry = registryOf(claimed.imageRepository);
    return (await this.#list()).find((hold) => hold.registry === registry);
  }

  async avoided(claimed: ClaimedExecution): Promise<AvoidedProviders> {
    if (claimed.attempt === 1) return new Map();
    const providers = await this.retries.avoidedProviders(claimed.buildId);
    return new Map(
      providers.map(({ providerId, attempt, reason }) => [
        providerId,
        { attempt, message: `attempt ${attempt} ended there with ${reason}, and another provider may take it` },
      ]),
    );
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
