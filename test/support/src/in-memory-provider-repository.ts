import {
  type Clock,
  type Condition,
  DomainError,
  type DueProbe,
  type ProbeRecord,
  type Provider,
  type ProviderCredential,
  ProviderRepository,
  Secret,
  setCondition,
  type SteadyHealth,
  type WatchStaleness,
  worseHealth,
} from '@image-factory/domain';

/** What probes are claimed and judged by. */
interface Probing {
  readonly owner: string | undefined;
  readonly dueAtMs: number;
  readonly shown: SteadyHealth;
  readonly detailAtMs: number;
  readonly detailGeneration: number | undefined;
}

const UNPROBED: Probing = {
  owner: undefined,
  dueAtMs: Number.NEGATIVE_INFINITY,
  shown: { verdict: 'unknown', tektonAnswers: false, streak: 0 },
  detailAtMs: Number.NEGATIVE_INFINITY,
  detailGeneration: undefined,
};

/** Providers in memory: what the registry asks of a repository, with hooks that tests need. */
export class InMemoryProviderRepository extends ProviderRepository {
  readonly #providers = new Map<string, Provider>();
  readonly #credentials = new Map<string, ProviderCredential>();
  readonly #probings = new Map<string, Probing>();
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

  async claimDueProbes(
    proberId: string,
    limits: { readonly intervalMs: number; readonly detailMs: number; readonly most: number },
  ): Promise<readonly DueProbe[]> {
    this.#check();
    const nowMs = this.clock.monotonicMs();
    const due = [...this.#providers.values()].filter(({ id }) => this.#probing(id).dueAtMs <= nowMs);
    return due.slice(0, limits.most).map(({ id, generation }) => {
      const probing = this.#probing(id);
      const detailed = probing.detailGeneration !== generation || probing.detailAtMs + limits.detailMs <= nowMs;
      this.#probings.set(id, { ...probing, owner: proberId, dueAtMs: nowMs + limits.intervalMs });
      return { providerId: id, shown: probing.shown, detailed };
    });
  }

  async recordProbe(record: ProbeRecord): Promise<'recorded' | 'superseded'> {
    this.#check();
    const provider = this.#providers.get(record.providerId);
    const probing = this.#probing(record.providerId);
    if (provider === undefined || probing.owner !== record.proberId) return 'superseded';
    if (record.generation !== provider.generation) {
      this.#probings.set(record.providerId, { ...probing, dueAtMs: this.clock.monotonicMs() });
      return 'superseded';
    }
    this.records.push(record);
    const nowMs = this.clock.monotonicMs();
    const detail = record.detailed ? { detailAtMs: nowMs, detailGeneration: provider.generation } : {};
    const dueAtMs = Math.min(probing.dueAtMs, nowMs + (record.againInMs ?? Number.POSITIVE_INFINITY));
    this.#probings.set(record.providerId, { ...probing, ...detail, shown: record.shown, dueAtMs });
    const { verdict, tektonAnswers } = record.shown;
    const firstLossAt = record.lost ? (provider.health.firstLossAt ?? this.clock.now()) : undefined;
    const conditions = record.conditions.reduce<readonly Condition[]>(
      (list, one) => setCondition(list, one),
      provider.health.conditions,
    );
    const health = {
      ...provider.health,
      verdict: provider.health.watchFresh ? verdict : worseHealth(verdict, 'degraded'),
      conditions,
      tektonAnswers,
      probedAt: this.clock.now(),
      firstLossAt,
    };
    this.#providers.set(record.providerId, { ...provider, health });
    return 'recorded';
  }

  async recordWatchStaleness({ stale }: WatchStaleness): Promise<void> {
    for (const [id, provider] of this.#providers) {
      const watchFresh = !stale.includes(id);
      if (provider.health.watchFresh === watchFresh) continue;
      const { verdict } = this.#probing(id).shown;
      const health = {
        ...provider.health,
        watchFresh,
        verdict: watchFresh ? verdict : worseHealth(verdict, 'degraded'),
      };
      this.#providers.set(id, { ...provider, health });
    }
  }

  #probing(id: string): Probing {
    return this.#probings.get(id) ?? UNPROBED;
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
