import {
  type Clock,
  DomainError,
  type ProbeRecord,
  type Provider,
  type ProviderCredential,
  ProviderRepository,
  Secret,
} from '@image-factory/domain';

/** Providers in memory: what the registry asks of a repository, with hooks that tests need. */
export class InMemoryProviderRepository extends ProviderRepository {
  readonly #providers = new Map<string, Provider>();
  readonly #credentials = new Map<string, ProviderCredential>();
  readonly #dueAtMs = new Map<string, number>();
  /** Every record, oldest first. */
  readonly records: ProbeRecord[] = [];
  /** How often a credential was opened. */
  opened = 0;
  /** Set: every call fails with it, as a database that is away. */
  failure: Error | undefined;
  /** Set: awaited before a credential is given. */
  opening: Promise<void> | undefined;

  constructor(private readonly clock: Clock) {
    super();
  }

  /** Adds or changes a provider; its generation goes up. `config` is as in the API, with secrets in clear. */
  put(id: string, config: Readonly<Record<string, string>>, more: Partial<Provider> = {}): Provider {
    const generation = (this.#providers.get(id)?.generation ?? 0) + 1;
    const provider: Provider = { ...blank(id, generation, config), ...more, generation };
    const fields = Object.fromEntries(Object.entries(config).map(([name, value]) => [name, new Secret(value)]));
    this.#providers.set(id, provider);
    this.#credentials.set(id, { providerId: id, generation, version: generation, fields });
    return provider;
  }

  remove(id: string): void {
    this.#providers.delete(id);
  }

  async list(): Promise<readonly Provider[]> {
    this.#check();
    return [...this.#providers.values()];
  }

  async find(providerId: string): Promise<Provider | undefined> {
    this.#check();
    return this.#providers.get(providerId);
  }

  async openCredential(providerId: string): Promise<ProviderCredential> {
    this.opened += 1;
    await this.opening;
    this.#check();
    const credential = this.#credentials.get(providerId);
    if (credential !== undefined) return credential;
    throw new DomainError({
      kind: 'NotFound',
      reason: 'ProviderNotFound',
      message: `There is no provider ${providerId}.`,
    });
  }

  async claimDueProbes(_proberId: string, intervalMs: number, limit: number): Promise<readonly string[]> {
    this.#check();
    const nowMs = this.clock.monotonicMs();
    const due = [...this.#providers.keys()]
      .filter((id) => (this.#dueAtMs.get(id) ?? Number.NEGATIVE_INFINITY) <= nowMs)
      .slice(0, limit);
    due.forEach((id) => this.#dueAtMs.set(id, nowMs + intervalMs));
    return due;
  }

  async recordProbe(record: ProbeRecord): Promise<void> {
    this.#check();
    this.records.push(record);
    const provider = this.#providers.get(record.providerId);
    if (provider === undefined) return;
    const firstLossAt = record.lost ? (provider.health.firstLossAt ?? this.clock.now()) : undefined;
    const health = {
      ...provider.health,
      verdict: record.verdict,
      conditions: record.conditions,
      tektonAnswers: record.tektonAnswers,
      probedAt: this.clock.now(),
      firstLossAt,
    };
    this.#providers.set(record.providerId, { ...provider, health });
  }

  async recordWatchFreshness(providerId: string, fresh: boolean): Promise<void> {
    const provider = this.#providers.get(providerId);
    if (provider !== undefined)
      this.#providers.set(providerId, { ...provider, health: { ...provider.health, watchFresh: fresh } });
  }

  #check(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

function blank(id: string, generation: number, config: Readonly<Record<string, string>>): Provider {
  const authMethod = config['auth_method'];
  const now = new Date(0);
  return {
    id,
    name: id,
    type: 'kubernetes',
    source: 'api',
    isGlobal: false,
    isDefault: false,
    state: 'enabled',
    drainDeadlineAt: undefined,
    generation,
    settings: authMethod === undefined ? {} : { authMethod },
    capabilities: [],
    labels: {},
    maxConcurrentBuilds: 0,
    running: 0,
    unswept: 0,
    sweepBehind: false,
    region: undefined,
    pricePerMinute: undefined,
    allowPrivileged: false,
    shardCount: 8,
    health: {
      verdict: 'unknown',
      conditions: [],
      firstLossAt: undefined,
      probedAt: undefined,
      tektonAnswers: false,
      watchFresh: true,
    },
    createdAt: now,
    updatedAt: now,
  };
}
