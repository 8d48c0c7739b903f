import type { Clock, PlacementFacts, Provider, ProviderHistory } from '@image-factory/domain';

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
  /** Oldest providers that are decided on, in milliseconds. */
  readonly maxAgeMs?: number;
  /** Oldest history that is decided on without a new look, in milliseconds. */
  readonly historyMaxAgeMs?: number;
  /** Providers to which this process sends nothing at present. */
  readonly openBreakers?: () => ReadonlySet<string>;
}

/**
 * What placement decides on, for whoever decides: a dispatcher that places, the API that simulates. Providers are at
 * most `maxAgeMs` old and grants are fresh; staleness costs a second choice, never a limit: the placement commit checks
 * the provider again under its lock. History is a hint: an old one is used while a new one is read, and without any the
 * choice is made all the same.
 */
export class PlacementFactsReader {
  #providers: { readonly atMs: number; readonly list: Promise<readonly Provider[]> } | undefined;
  #history: ReadonlyMap<string, ProviderHistory> = new Map();
  #historyAtMs: number | undefined;
  #reading: Promise<void> | undefined;

  constructor(
    private readonly source: PlacementFactsSource,
    private readonly historySource: PlacementHistorySource,
    private readonly clock: Clock,
    private readonly options: PlacementFactsOptions = {},
  ) {}

  async read(tenantId: string, fresh = false): Promise<PlacementFacts> {
    const [providers, grantedProviderIds] = await Promise.all([
      this.#list(fresh),
      this.source.grantedProviderIds(tenantId),
      this.#keepHistory(),
    ]);
    const openBreakers = this.options.openBreakers?.();
    return {
      providers,
      grantedProviderIds,
      history: this.#history,
      ...(openBreakers === undefined ? {} : { openBreakers }),
    };
  }

  #list(fresh: boolean): Promise<readonly Provider[]> {
    const atMs = this.clock.monotonicMs();
    if (fresh || this.#providers === undefined || atMs - this.#providers.atMs > (this.options.maxAgeMs ?? 250)) {
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

  /** Waits only for the first history of the process. */
  async #keepHistory(): Promise<void> {
    const first = this.#historyAtMs === undefined;
    const ageMs = this.clock.monotonicMs() - (this.#historyAtMs ?? Number.NEGATIVE_INFINITY);
    if (ageMs > (this.options.historyMaxAgeMs ?? 5_000)) this.#reading ??= this.#readHistory();
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
