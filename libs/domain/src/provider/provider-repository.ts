import type { Secret } from '../secret/secret.js';
import type { Condition } from './condition.js';
import type { Provider, ProviderHealth } from './provider.js';

/** A provider's config with its secrets opened: only connectors see it. Field names are those of product.md's table. */
export interface ProviderCredential {
  readonly providerId: string;
  readonly generation: number;
  readonly version: number;
  /** Plain and secret fields together, by product.md's names (`token`, `ca_cert`, `kubeconfig`, …). */
  readonly fields: Readonly<Record<string, string | Secret>>;
}

/** What one round of probes leaves behind. */
export interface ProbeRecord {
  readonly providerId: string;
  readonly verdict: ProviderHealth;
  readonly tektonAnswers: boolean;
  readonly conditions: readonly Condition[];
  /** Undefined when the API server answered; the first loss is kept by the repository over failed probes. */
  readonly lost: boolean;
  readonly clusterUid: string | undefined;
  /** Shown by the health route: version, latencies in ms, node counts. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** The registry's view of stored providers. Implemented on PostgreSQL and in memory; both pass one contract suite. */
export abstract class ProviderRepository {
  abstract list(): Promise<readonly Provider[]>;
  abstract find(providerId: string): Promise<Provider | undefined>;
  /** @throws DomainError NotFound ProviderNotFound; Internal EncryptionKeyMissing */
  abstract openCredential(providerId: string): Promise<ProviderCredential>;
  /**
   * Takes the probes that are due, each for one prober until `intervalMs` from now: two dispatchers never probe one
   * cluster in one interval.
   */
  abstract claimDueProbes(proberId: string, intervalMs: number, limit: number): Promise<readonly string[]>;
  abstract recordProbe(record: ProbeRecord): Promise<void>;
  /** The watch of this provider is stale (or fresh again): stale makes it degraded. */
  abstract recordWatchFreshness(providerId: string, fresh: boolean): Promise<void>;
}
