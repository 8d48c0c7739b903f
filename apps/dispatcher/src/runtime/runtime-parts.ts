import type { Clock, ProviderRepository } from '@image-factory/domain';
import type {
  Database,
  Notifier,
  PostgresBuildLogs,
  PostgresBuildQueue,
  PostgresExecutions,
  PostgresInvariants,
  PostgresLeases,
  PostgresOwnership,
  PostgresRegistryHolds,
  PostgresRetries,
} from '@image-factory/persistence';
import type { Logger, Metrics } from '@image-factory/telemetry';
import type { PlacementFactsSource } from '../dispatch/placement-facts.js';
import type { CredentialSource } from '../execution/execution-scope.js';
import type { Executors } from '../follow/provider-followers.js';
import type { ImagePublisher } from '../promotion/image-publisher.js';
import type { ClusterSources } from '../sources/cluster-sources.js';

/** What the database holds, as the dispatcher uses it. */
export interface DispatcherStores {
  readonly database: Database;
  readonly notifier: Notifier;
  readonly queue: PostgresBuildQueue;
  readonly leases: PostgresLeases;
  readonly ownership: PostgresOwnership;
  readonly invariants: PostgresInvariants;
  readonly executions: PostgresExecutions;
  readonly logs: PostgresBuildLogs;
  readonly retries: PostgresRetries;
  readonly registryHolds: PostgresRegistryHolds;
  readonly providers: ProviderRepository & PlacementFactsSource;
  readonly credentials: CredentialSource;
}

/** The places where builds run, as the dispatcher uses them. */
export interface DispatcherPlaces {
  readonly executors: Executors;
  readonly publisher: ImagePublisher;
  /** Asks a provider anything at all; false without an answer. Must not throw. */
  readonly probe: (providerId: string) => Promise<boolean>;
  /** Starts the health probes that are due. @returns how many */
  readonly probeHealth: () => Promise<number>;
  /** One round over cached connections. @returns how many were replaced */
  readonly upkeep: () => Promise<number>;
  close(): Promise<void>;
}

export interface RuntimeParts {
  readonly installationId: string;
  readonly stores: DispatcherStores;
  readonly places: DispatcherPlaces;
  readonly sources: ClusterSources;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}
