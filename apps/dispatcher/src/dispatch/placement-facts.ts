import type { Clock, PlacementFacts, Provider } from '@image-factory/domain';

/** Where placement reads providers and grants. */
export interface PlacementFactsSource {
  list(): Promise<readonly Provider[]>;
  grantedProviderIds(tenantId: string): Promise<ReadonlySet<string>>;
}

/**
 * What placement decides on: providers and the tenant's grants, at most `maxAgeMs` old. Staleness costs a second
 * choice, never a limit: the placement commit checks the provider again under its lock.
 */
export class PlacementFactsReader {
  #providers: { readonly atMs: number; readonly list: Promise<readonly Provider[]> } | undefined;

  constructor(
    private readonly source: PlacementFactsSource,
    private readonly clock: Clock,
    private readonly maxAgeMs = 250,
  ) {}

  async read(tenantId: string, fresh = false): Promise<PlacementFacts> {
    const [providers, grantedProviderIds] = await Promise.all([
      this.#list(fresh),
      this.source.grantedProviderIds(tenantId),
    ]);
    return { providers, grantedProviderIds };
  }

  #list(fresh: boolean): Promise<readonly Provider[]> {
    const atMs = this.clock.monotonicMs();
    if (fresh || this.#providers === undefined || atMs - this.#providers.atMs > this.maxAgeMs) {
      const list = this.source.list();
      const entry = { atMs, list };
      this.#providers = entry;
      list.catch(() => {
        if (this.#providers === entry) this.#providers = undefined;
      });
      return list;
    }
    return this.#providers.list;
  }
}
