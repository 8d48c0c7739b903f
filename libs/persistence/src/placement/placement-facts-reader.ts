import type { Clock, PlacementFacts, Provider, ProviderHistory } from '@image-factory/domain';
import { RecentRead } from './recent-read.js';

/** Tenants whose grants are remembered; more are forgotten together, which costs a read each. */
const MOST_TENANTS = 1_000;

/** Oldest providers and grants that are decided on, in milliseconds. */
const MAX_AGE_MS = 1_000;
/** Oldest history that is decided on without a new look, in milliseconds. */
const HISTORY_MAX_AGE_MS = 5_000;

/** Where placement reads providers and grants. */
export interface PlacementFactsSource {
  list(): Promise<readonly Provider[]>;
  grantedProviderIds(tenantId: string): Promise<ReadonlySet<string>>;
}

/** Where placement reads what recent attempts say. */
export interface PlacementHistorySource {
  read(): Promise<ReadonlyMap<string, ProviderHistory>>;
}

export interface PlacementFactsOptions {
  /** Providers to which nothing is sent at present: by this dispatcher, or by all (see PlacementFacts). */
  readonly openBreakers?: () => ReadonlySet<string> | Promise<ReadonlySet<string>>;
}

/**
 * What placement decides on, for whoever decides: a dispatcher that places, the API that simulates. Providers and grants
 * are at most a second old, or fresh; builds that are placed at the same time share the reads. Staleness costs a second
 * choice, never a limit: the placement commit checks the provider again under its lock. History is a hint: an old one is
 * used while a new one is read, and without any the choice is made all the same.
 */
export class PlacementFactsReader {
  readonly #providers: RecentRead<readonly Provider[]>;
  readonly #grants = new Map<string, RecentRead<ReadonlySet<string>>>();
  #history: ReadonlyMap<string, ProviderHistory> = new Map();
  #historyAtMs: number | undefined;
  #reading: Promise<void> | undefined;

  constructor(
    private readonly source: PlacementFactsSource,
    private readonly historySource: PlacementHistorySource,
    private readonly clock: Clock,
    private readonly options: PlacementFactsOptions = {},
  ) {
    this.#providers = new RecentRead(() => source.list(), clock, MAX_AGE_MS);
  }

  async read(tenantId: string, fresh = false): Promise<PlacementFacts> {
    const [providers, grantedProviderIds, openBreakers] = await Promise.all([
      this.#providers.get(fresh),
      this.#grantsOf(tenantId).get(fresh),
      this.options.openBreakers?.(),
      this.#keepHistory(),
    ]);
    return {
      providers,
      grantedProviderIds,
      history: this.#history,
      ...(openBreakers === undefined ? {} : { openBreakers }),
    };
  }

  #grantsOf(tenantId: string): RecentRead<ReadonlySet<string>> {
    const known = this.#grants.get(tenantId);
    if (known !== undefined) return known;
    if (this.#grants.size >= MOST_TENANTS) this.#grants.clear();
    const grants = new RecentRead(() => this.source.grantedProviderIds(tenantId), this.clock, MAX_AGE_MS);
    this.#grants.set(tenantId, grants);
    return grants;
  }

  /** Waits only for the first history of the process. */
  async #keepHistory(): Promise<void> {
    const first = this.#historyAtMs === undefined;
    const ageMs = this.clock.monotonicMs() - (this.#historyAtMs ?? Number.NEGATIVE_INFINITY);
    if (ageMs > HISTORY_MAX_AGE_MS) this.#reading ??= this.#readHistory();
    if (first) await this.#reading;
  }

  /** A database that does not answer is met by the reads that placement cannot do without. */
  async #readHistory(): Promise<void> {
    try {
      this.#history = await this.historySource.read();
    } catch {
      // What was known before stands until it can be read again.
    } finally {
      this.#historyAtMs = this.clock.monotonicMs();
      this.#reading = undefined;
    }
  }
}
