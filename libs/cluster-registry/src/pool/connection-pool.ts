import {
  type ClusterConnection,
  ClusterConnectionProvider,
  type HeldConnection,
  type PressureView,
  type RenewalView,
} from '@image-factory/cluster-connectors';
import {
  type Clock,
  DomainError,
  isDomainError,
  type Provider,
  type ProviderCredential,
  type ProviderRepository,
} from '@image-factory/domain';
import type { Logger } from '@image-factory/telemetry';
import { PoolEntry } from './pool-entry.js';

export interface ConnectionPoolOptions {
  readonly providers: ProviderRepository;
  /** Makes a connection without a request: `openClusterConnection` in production. */
  readonly connect: (provider: Provider, credential: ProviderCredential) => Promise<ClusterConnection>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Most cached connections that nobody uses (`max_clients`). Those in use do not count. Default 50. */
  readonly maxClients?: number;
  /** Unused for so long, a connection is closed (`max_idle`). Default 10 minutes. */
  readonly maxIdleMs?: number;
  /** A provider's generation is looked at anew after so long. Default 5 000. */
  readonly generationCheckMs?: number;
}

/** What one round of upkeep did. */
export interface PoolRound {
  readonly checked: number;
  readonly replaced: number;
  readonly evicted: number;
  /** All providers, as they were read. */
  readonly providers: readonly Provider[];
}

/** Connections by state, for metrics and the health route. */
export interface PoolView {
  readonly idle: number;
  readonly inUse: number;
  readonly draining: number;
  readonly connecting: number;
}

export type ConnectionState = 'idle' | 'in_use' | 'draining';

/**
 * The cached connections to clusters, one per provider and generation.
 *
 * Model: the database says which generation of a provider is the current one; the pool is a cache of it. Connections are
 * made on first use, by one caller for all that wait (single-flight), and no lock is held meanwhile: one provider that
 * cannot be connected delays nobody else. A caller never gets a connection of a generation older than
 * `generationCheckMs` after the change; the old one drains: its users finish, then it closes. Connections in use are
 * never evicted.
 *
 * Failures: what opening a credential or making a connection throws goes to the callers and is not cached. An
 * authentication failure inside `withConnection` drains the connection, so that the next caller opens the credential
 * anew. `runOnce` failing (database away) changes nothing: what is cached stays usable.
 */
export class ConnectionPool extends ClusterConnectionProvider {
  readonly #options: ConnectionPoolOptions;
  readonly #current = new Map<string, PoolEntry>();
  readonly #draining = new Set<PoolEntry>();
  readonly #connecting = new Map<string, Promise<PoolEntry>>();
  readonly #listeners = new Map<string, Set<() => void>>();
  #closed = false;

  constructor(options: ConnectionPoolOptions) {
    super();
    this.#options = options;
  }

  override async withConnection<T>(providerId: string, use: (connection: ClusterConnection) => Promise<T>): Promise<T> {
    const { entry, leave } = await this.#acquire(providerId);
    try {
      return await use(entry.connection);
    } catch (error) {
      if (isDomainError(error) && error.reason === 'ClusterUnauthorized') {
        entry.refused = true;
        this.#retire(entry);
      }
      throw error;
    } finally {
      leave();
    }
  }

  override async hold(providerId: string): Promise<HeldConnection> {
    const { entry, leave } = await this.#acquire(providerId);
    return { connection: entry.connection, release: leave };
  }

  override onChanged(providerId: string, callback: () => void): () => void {
    const callbacks = this.#listeners.get(providerId) ?? new Set();
    this.#listeners.set(providerId, callbacks.add(callback));
    return () => {
      callbacks.delete(callback);
      if (callbacks.size === 0 && this.#listeners.get(providerId) === callbacks) this.#listeners.delete(providerId);
    };
  }

  /**
   * One round of upkeep: connections of replaced generations, moved clusters and removed providers drain and their
   * holders are told; connections that nobody has used for `maxIdleMs` are closed. Call it every few seconds.
   * @throws what the repository throws
   */
  async runOnce(): Promise<PoolRound> {
    const listed = await this.#options.providers.list();
    const providers = new Map(listed.map((provider) => [provider.id, provider]));
    const pooled = new Set([...this.#current.values(), ...this.#draining].map((entry) => entry.providerId));
    let replaced = 0;
    for (const providerId of pooled) {
      const current = this.#current.get(providerId);
      if (current !== undefined) current.checkedAtMs = this.#nowMs();
      replaced += this.#replaceOlder(providerId, providers.get(providerId)?.generation);
    }
    return { checked: providers.size, replaced, evicted: this.#evict(), providers: listed };
  }

  view(): PoolView {
    const entries = [...this.#current.values()];
    const inUse = entries.filter((entry) => entry.inUse > 0).length;
    return { idle: entries.length - inUse, inUse, draining: this.#draining.size, connecting: this.#connecting.size };
  }

  /** Each provider with a connection and its state; of two generations the current one's. */
  states(): ReadonlyMap<string, ConnectionState> {
    const draining = [...this.#draining].map((entry) => [entry.providerId, 'draining'] as const);
    const current = [...this.#current.values()].map(
      (entry) => [entry.providerId, entry.inUse > 0 ? 'in_use' : 'idle'] as const,
    );
    return new Map<string, ConnectionState>([...draining, ...current]);
  }

  /** How the tokens of each connected cluster of a cloud are renewed. */
  tokens(): ReadonlyMap<string, RenewalView> {
    const views = [...this.#current.values()].map(
      ({ providerId, connection }) => [providerId, connection.tokens] as const,
    );
    return new Map(views.filter((entry): entry is readonly [string, RenewalView] => entry[1] !== undefined));
  }

  /** Open sockets of each cluster that is connected, those of draining connections too. */
  openSockets(): ReadonlyMap<string, number> {
    const sockets = new Map<string, number>();
    for (const { providerId, connection } of [...this.#draining, ...this.#current.values()])
      sockets.set(providerId, (sockets.get(providerId) ?? 0) + connection.openSockets);
    return sockets;
  }

  /** The pressure of each cluster that is connected, by provider; of two generations the current one's. */
  pressures(): ReadonlyMap<string, PressureView> {
    const entries = [...this.#draining, ...this.#current.values()];
    return new Map(entries.map((entry) => [entry.providerId, entry.connection.pressure]));
  }

  /** Providers to which nothing is sent now because requests failed in a row or hang. Asked for at each placement. */
  openBreakers(): ReadonlySet<string> {
    const open = new Set<string>();
    for (const { providerId, connection } of this.#current.values()) {
      if (connection.breaker === 'open') open.add(providerId);
    }
    return open;
  }

  /** Ends every connection, also under users. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#connecting.values());
    const entries = [...this.#current.values(), ...this.#draining];
    this.#current.clear();
    this.#draining.clear();
    this.#listeners.clear();
    await Promise.all(entries.map((entry) => entry.close()));
  }

  async #acquire(providerId: string): Promise<{ entry: PoolEntry; leave: () => void }> {
    if (this.#closed) throw poolClosed();
    const entry = await this.#entry(providerId);
    // Nothing is awaited between this check and the count, so an entry is not drained unseen in between.
    if (entry.draining) return this.#acquire(providerId);
    const leaveEntry = entry.use();
    const leave = (): void => {
      leaveEntry();
      if (entry.draining && entry.inUse === 0) this.#draining.delete(entry);
      else this.#evict();
    };
    return { entry, leave };
  }

  async #entry(providerId: string): Promise<PoolEntry> {
    const known = this.#current.get(providerId);
    const maxAgeMs = this.#options.generationCheckMs ?? 5_000;
    const fresh = known !== undefined && this.#nowMs() - known.checkedAtMs < maxAgeMs;
    if (fresh && !known.connection.outdated) return known;
    const waiting = this.#connecting.get(providerId);
    if (waiting !== undefined) return waiting;
    const work = this.#connect(providerId).finally(() => this.#connecting.delete(providerId));
    this.#connecting.set(providerId, work);
    return work;
  }

  /** The current generation's connection: the known one when it still is, else a new one. */
  async #connect(providerId: string): Promise<PoolEntry> {
    const { providers, connect } = this.#options;
    const cached = this.#current.get(providerId);
    const provider = await providers.find(providerId).catch((error: unknown) => {
      if (cached === undefined) throw error;
      return 'unknown' as const;
    });
    const known = this.#current.get(providerId);
    const outdated = known?.connection.outdated === true && provider !== 'unknown';
    if (known !== undefined && !outdated && (provider === 'unknown' || known.generation === provider?.generation)) {
      known.checkedAtMs = this.#nowMs();
      return known;
    }
    if (provider === undefined || provider === 'unknown') {
      this.#replaceOlder(providerId, undefined);
      throw notFound(providerId);
    }
    const connection = await connect(provider, await providers.openCredential(providerId));
    if (this.#closed) {
      await connection.close();
      throw poolClosed();
    }
    const entry = new PoolEntry(providerId, provider.generation, connection, () => this.#nowMs());
    this.#replaceOlder(providerId, provider.generation);
    this.#current.set(providerId, entry);
    return entry;
  }

  /**
   * Drains what is of another generation, of a cluster that has moved, or refused by it, and tells the holders, once;
   * returns how many were not told before.
   */
  #replaceOlder(providerId: string, generation: number | undefined): number {
    const older = [...this.#current.values(), ...this.#draining].filter(
      (entry) =>
        entry.providerId === providerId &&
        (entry.generation !== generation || entry.refused || entry.connection.outdated),
    );
    const untold = older.filter((entry) => !entry.told);
    for (const entry of older) {
      entry.told = true;
      if (!entry.draining) this.#retire(entry);
    }
    if (untold.length > 0) this.#tell(providerId);
    return untold.length;
  }

  #retire(entry: PoolEntry): void {
    if (this.#current.get(entry.providerId) === entry) this.#current.delete(entry.providerId);
    if (entry.inUse > 0) this.#draining.add(entry);
    entry.drain();
  }

  #tell(providerId: string): void {
    for (const callback of [...(this.#listeners.get(providerId) ?? [])]) {
      try {
        callback();
      } catch (error) {
        this.#options.logger.error('A holder of a connection failed to hear of its change.', { providerId, error });
      }
    }
  }

  /** Closes unused connections that are too old, then the longest unused above `maxClients`. */
  #evict(): number {
    const unused = [...this.#current.values()]
      .filter((entry) => entry.inUse === 0)
      .sort((a, b) => a.idleSinceMs - b.idleSinceMs);
    const oldest = this.#nowMs() - (this.#options.maxIdleMs ?? 600_000);
    const surplus = unused.length - (this.#options.maxClients ?? 50);
    const evicted = unused.filter((entry, index) => index < surplus || entry.idleSinceMs <= oldest);
    evicted.forEach((entry) => this.#retire(entry));
    return evicted.length;
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}

function notFound(providerId: string): DomainError {
  return new DomainError({
    kind: 'NotFound',
    reason: 'ProviderNotFound',
    message: `There is no provider ${providerId}.`,
    details: { outcome: 'notSent' },
  });
}

function poolClosed(): DomainError {
  return new DomainError({
    kind: 'Unavailable',
    reason: 'ClusterUnreachable',
    message: 'The connection pool is closed.',
    details: { outcome: 'notSent' },
  });
}
