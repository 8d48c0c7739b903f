import type { Secret } from '../secret/secret.js';
import type { Condition } from './condition.js';
import type { Provider, ProviderHealth } from './provider.js';
import type { SteadyHealth } from './steady-health.js';

/** A provider's config with its secrets opened: only connectors see it. Field names are those of product.md's table. */
export interface ProviderCredential {
  readonly providerId: string;
  readonly generation: number;
  readonly version: number;
  /** Plain and secret fields together, by product.md's names (`token`, `ca_cert`, `kubeconfig`, …). */
  readonly fields: Readonly<Record<string, string | Secret>>;
}

/** A probe that is this prober's to make, and what is known so far. */
export interface DueProbe {
  readonly providerId: string;
  /** As stored: a stale watch, which is judged where it is read, is not in it. */
  readonly shown: SteadyHealth;
  /** It is time for the slow questions too: permissions, admission, disks. */
  readonly detailed: boolean;
}

/** What one round of probes leaves behind. */
export interface ProbeRecord {
  readonly providerId: string;
  /** Who probed: a record of a prober whose turn is over is not taken. */
  readonly proberId: string;
  /** With whose config and credential was probed: a record of another generation than the current one is not taken. */
  readonly generation: number;
  /** What this probe alone says. */
  readonly seen: ProviderHealth;
  /** Why it is not healthy, by the Condition that explains it. */
  readonly because: Pick<Condition, 'reason' | 'message'> | undefined;
  /** What is shown from now on. */
  readonly shown: SteadyHealth;
  /** Those that this probe judged; others stay as they are. */
  readonly conditions: readonly Condition[];
  /** False when the API server answered; the first loss is kept by the repository over failed probes. */
  readonly lost: boolean;
  /** The slow questions were asked. */
  readonly detailed: boolean;
  readonly clusterUid: string | undefined;
  /** When the credential in use ends; undefined when it does not say. */
  readonly credentialExpiresAt: Date | undefined;
  /** Of each part that was answered. */
  readonly latencyMs: Readonly<Partial<Record<'version' | 'tekton' | 'nodes', number>>>;
  /** Shown by the health route: version, latencies in ms, node counts. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Probe again in so long, because this one contradicts what is shown; undefined: at the interval. */
  readonly againInMs: number | undefined;
}

/** Which clusters have a watch that proves nothing, as all live dispatchers see it now. */
export interface WatchStaleness {
  readonly stale: readonly string[];
  /** A watch is stale from this age on. */
  readonly afterMs: number;
}

/** The registry's view of stored providers. Implemented on PostgreSQL and in memory; both pass one contract suite. */
export abstract class ProviderRepository {
  abstract list(): Promise<readonly Provider[]>;
  abstract find(providerId: string): Promise<Provider | undefined>;
  /** @throws DomainError NotFound ProviderNotFound; Internal EncryptionKeyMissing */
  abstract openCredential(providerId: string): Promise<ProviderCredential>;
  /**
   * Takes the probes that are due, each for one prober until about `intervalMs` from now (a tenth more or less, so that
   * probes spread): two dispatchers never probe one cluster at a time. The slow questions are due every `detailMs`, and
   * when the provider has changed.
   */
  abstract claimDueProbes(
    proberId: string,
    limits: { readonly intervalMs: number; readonly detailMs: number; readonly most: number },
  ): Promise<readonly DueProbe[]>;
  /** `superseded`: the turn of this prober is over, and nothing was changed. */
  abstract recordProbe(record: ProbeRecord): Promise<'recorded' | 'superseded'>;
  /** Sets for all providers whether their watch is stale, with the Condition WatchFresh. Writes only what changes. */
  abstract recordWatchStaleness(staleness: WatchStaleness): Promise<void>;
}
