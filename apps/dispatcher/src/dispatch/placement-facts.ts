import type { Clock, PlacementFacts, Provider } from '@image-factory/domain';
import { RecentRead } from './recent-read.js';

/** Where placement reads providers and grants. */
export interface PlacementFactsSource {
  list(): Promise<readonly Provider[]>;
  grantedProviderIds(tenantId: string): Promise<ReadonlySet<string>>;
}

/** Tenants whose grants are remembered; more are forgotten together, which costs a read each. */
const MOST_TENANTS = 1_000;

/**
 * What placement decides on: providers and the tenant's grants, at most `maxAgeMs` old, or fresh; builds that are placed
 * at the same time share the reads. Staleness costs a second choice, never a limit: the placement commit checks the
 * provider again under its lock.
 */
export class PlacementFactsReader {
  readonly #providers: RecentRead<readonly Provider[]>;
  readonly #grants = new Map<string, RecentRead<ReadonlySet<string>>>();

  constructor(
    private readonly source: PlacementFactsSource,
    private readonly clock: Clock,
    private readonly maxAgeMs = 250,
  ) {
    this.#providers = new RecentRead(() => source.list(), clock, maxAgeMs);
  }

  async read(tenantId: string, fresh = false): Promise<PlacementFacts> {
    const [providers, grantedProviderIds] = await Promise.all([
      this.#providers.get(fresh),
      this.#grantsOf(tenantId).get(fresh),
    ]);
    return { providers, grantedProviderIds };
  }

  #grantsOf(tenantId: string): RecentRead<ReadonlySet<string>> {
    const known = this.#grants.get(tenantId);
    if (known !== undefined) return known;
    if (this.#grants.size >= MOST_TENANTS) this.#grants.clear();
    const grants = new RecentRead(() => this.source.grantedProviderIds(tenantId), this.clock, this.maxAgeMs);
    this.#grants.set(tenantId, grants);
    return grants;
  }
}
