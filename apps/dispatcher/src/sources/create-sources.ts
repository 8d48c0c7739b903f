import { type CloudSessions, describeCluster } from '@image-factory/cluster-connectors';
import type { Clock } from '@image-factory/domain';
import {
  type Database,
  PostgresAudit,
  PostgresDeclaredProviders,
  PostgresDiscoveredClusters,
  PostgresDiscoveryRuns,
} from '@image-factory/persistence';
import type { Logger, Metrics } from '@image-factory/telemetry';
import type { SourcesEnv } from '../config/source-variables.js';
import { CheckDeclared } from './check-declared.js';
import type { LiveClusterNumbers } from './cluster-numbers.js';
import { ClusterSources } from './cluster-sources.js';
import { ConfigFileSync } from './config-file-sync.js';
import { Discovery } from './run-discovery.js';

export interface SourcesContext {
  readonly host: string;
  readonly numbers: LiveClusterNumbers;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly cloud: CloudSessions;
}

/** The sources of this process. Nothing is read or asked here. */
export function createSources(env: SourcesEnv, database: Database, context: SourcesContext): ClusterSources {
  const { clock, logger, metrics, host, numbers, cloud } = context;
  const store = new PostgresDeclaredProviders(database);
  const { configFile: path, home } = env;
  const file =
    path === undefined
      ? undefined
      : {
          sync: new ConfigFileSync({ path, home, store, numbers, host, clock, logger, metrics }),
          check: new CheckDeclared({ store, describe: (config) => describeCluster(config, cloud), clock, logger }),
        };
  const discovery = new Discovery({
    env: env.discovery,
    clouds: { reader: cloud.reader, clock },
    database,
    audit: new PostgresAudit(database),
    runs: new PostgresDiscoveryRuns(database),
    clusters: new PostgresDiscoveredClusters(database),
    logger,
    metrics,
  });
  return new ClusterSources({ file, discovery, claimCheck: (intervalMs, hash) => store.claimCheck(intervalMs, hash) });
}
