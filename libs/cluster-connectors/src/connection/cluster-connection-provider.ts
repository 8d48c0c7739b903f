import type { ClusterConnection } from './cluster-connection.js';

/** A connection that its holder keeps open; it must be released. */
export interface HeldConnection {
  readonly connection: ClusterConnection;
  release(): void;
}

/** Where connections come from. The registry's pool implements it; executors ask for nothing else. */
export abstract class ClusterConnectionProvider {
  /**
   * Uses the provider's connection for the time of `use`. An authentication failure that `use` throws makes the pool
   * open the credential anew for the next caller.
   * @throws DomainError NotFound ProviderNotFound, or what opening the credential or `use` throws
   */
  abstract withConnection<T>(providerId: string, use: (connection: ClusterConnection) => Promise<T>): Promise<T>;

  /** Keeps a connection for long-lived work, as watches. */
  abstract hold(providerId: string): Promise<HeldConnection>;

  /** Calls back when the provider's generation has changed: holders must release and hold anew. Returns the undoing. */
  abstract onChanged(providerId: string, callback: () => void): () => void;
}
