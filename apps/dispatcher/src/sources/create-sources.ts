import { type CloudSessions, describeCluster } from '@image-factory/cluster-connectors';
import { environmentProvider } from '@image-factory/cluster-registry';
import type { Clock } from '@image-factory/domain';
import {
  type Database,
  PostgresAudit,
  PostgresDeclaredProviders,
  PostgresDiscoveredClusters,
  PostgresDiscoveryRuns,
  PostgresMirroredProviders,
  PostgresSourceHolds,
} from '@image-factory/persistence';
import type { Logger, Metrics } from '@image-factory/telemetry';
import type { DispatcherEnv } from '../config/env.js';
import { CheckDeclared } from './check-declared.js';
import type { LiveClusterNumbers } from './cluster-numbers.js';
import { ClusterSources } from './cluster-sources.js';
import { ConfigFileSync } from './config-file-sync.js';
import { EnvironmentCluster } from './environment-cluster.js';
import { Discovery } from './run-discovery.js';
import { UnheldWatch } from './unheld-watch.js';

export interface SourcesContext {
  readonly host: string;
  readonly numbers: LiveClusterNumbers;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly cloud: CloudSessions;
  /** What nobody has held for so long may give way. */
  readonly patienceMs: number;
}

export type ClusterSourcesEnv = Pick<DispatcherEnv, 'sources' | 'tektonKubeconfigPath' | 'tektonInCluster'>;

/** The sources of this process. Nothing is read or asked here. */
export function createSources(env: ClusterSourcesEnv, database: Database, context: SourcesContext): ClusterSources {
  const { clock, logger, metrics, host, numbers, cloud, patienceMs } = context;
  const store = new PostgresDeclaredProviders(database);
  const holds = new PostgresSourceHolds(database);
  const { configFile: path, home } = env.sources;
  const unheld = (): UnheldWatch => new UnheldWatch(() => clock.monotonicMs(), patienceMs);
  const file = { path, home, store, holds, unheld: unheld(), numbers, host, clock, logger, metrics };
  const discovery = new Discovery({
    env: env.sources.discovery,
    clouds: { reader: cloud.reader, clock },
    database,
    audit: new PostgresAudit(database),
    runs: new PostgresDiscoveryRuns(database),
    clusters: new PostgresDiscoveredClusters(database),
    logger,
    metrics,
  });
  return new ClusterSources({
    file: path === undefined ? undefined : new ConfigFileSync({ ...file, path }),
    check: new CheckDeclared({ store, describe: (config) => describeCluster(config, cloud), clock, logger }),
    environment: new EnvironmentCluster({
      provider: environmentProvider(env),
      mirrored: new PostgresMirroredProviders(database),
      holds,
      unheld: unheld(),
      logger,
    }),
    discovery,
    claimCheck: (intervalMs, hash) => store.claimCheck(intervalMs, hash),
  });
}
