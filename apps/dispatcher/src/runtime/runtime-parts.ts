import type { ProviderRepository } from '@image-factory/domain';
import type {
  Database,
  Notifier,
  PostgresBuildLogs,
  PostgresBuildQueue,
  PostgresDatabaseTrust,
  PostgresExecutions,
  PostgresInvariants,
  PostgresLeases,
  PostgresOwnership,
  PostgresQueueTotals,
  PostgresRegistryHolds,
  PlacementFactsSource,
  PlacementHistorySource,
  PostgresRetries,
} from '@image-factory/persistence';
import type { Logger, Metrics } from '@image-factory/telemetry';
import type { CredentialSource } from '../execution/execution-scope.js';
import type { DatabaseClock } from '../lease/database-clock.js';
import type { ProbeAnswer } from '../lease/probe-provider.js';
import type { Executors } from '../follow/provider-followers.js';
import type { ImagePublisher } from '../promotion/image-publisher.js';
import type { ClusterSources } from '../sources/cluster-sources.js';

/** What the database holds, as the dispatcher uses it. */
export interface DispatcherStores {
  readonly database: Database;
  readonly notifier: Notifier;
  readonly queue: PostgresBuildQueue;
  readonly leases: PostgresLeases;
  readonly trust: PostgresDatabaseTrust;
  readonly ownership: PostgresOwnership;
  readonly invariants: PostgresInvariants;
  readonly queueTotals: PostgresQueueTotals;
  readonly executions: PostgresExecutions;
  readonly logs: PostgresBuildLogs;
  readonly retries: PostgresRetries;
  readonly registryHolds: PostgresRegistryHolds;
  readonly providers: ProviderRepository & PlacementFactsSource;
  readonly placementHistory: PlacementHistorySource;
  readonly credentials: CredentialSource;
}

/** The places where builds run, as the dispatcher uses them. */
export interface DispatcherPlaces {
  readonly executors: Executors;
  readonly publisher: ImagePublisher;
  /** Providers to which this process sends nothing at present, because requests failed in a row or hang. */
  readonly openBreakers?: () => ReadonlySet<string>;
  /** Asks a provider anything at all. Must not throw. */
  readonly probe: (providerId: string) => Promise<ProbeAnswer>;
  /** Starts the health probes that are due. @returns how many */
  readonly probeHealth: () => Promise<number>;
  /** One round over cached connections. @returns how many were replaced */
  readonly upkeep: () => Promise<number>;
  /** State of each cached connection, by provider: `idle`, `in_use` or `draining`. */
  readonly connections: () => Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export interface RuntimeParts {
  readonly installationId: string;
  readonly stores: DispatcherStores;
  readonly places: DispatcherPlaces;
  readonly sources: ClusterSources;
  readonly clock: DatabaseClock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}
