import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import {
  type CloudSessions,
  ConnectObserver,
  openClusterConnection,
  type ClusterConnectionProvider,
} from '@image-factory/cluster-connectors';
import { CapabilityDetection, ConnectionPool, HealthMonitor } from '@image-factory/cluster-registry';
import { type BuildExecutor, type Clock, type ProviderRepository } from '@image-factory/domain';
import type { EgressPolicy } from '@image-factory/egress';
import { ImageRegistryClient } from '@image-factory/image-registry';
import { LocalBuildExecutor } from '@image-factory/local-executor';
import { PostgresDetections, PostgresTenantNamespaces } from '@image-factory/persistence';
import { TektonBuildExecutor } from '@image-factory/tekton-executor';
import type { Logger, Metrics } from '@image-factory/telemetry';
import type { DispatcherEnv } from './config/env.js';
import { probeProvider } from './lease/probe-provider.js';
import { observeClusters } from './metrics/observe-clusters.js';
import { observePressure } from './metrics/observe-pressure.js';
import type { ClusterNumbers } from './sources/cluster-numbers.js';
import { RegistryImagePublisher } from './promotion/registry-image-publisher.js';
import type { DispatcherPlaces, DispatcherStores } from './runtime/runtime-parts.js';

/** What the places are made of, beside the environment. */
export interface PlacesContext {
  readonly installationId: string;
  /** Id of this host. */
  readonly host: string;
  /** Read at each use: the configuration file changes them. */
  readonly numbers: ClusterNumbers;
  readonly clock: Clock;
  /** What is said of clusters is compared with this one. */
  readonly databaseClock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** One for everything that this process reaches. */
  readonly egress: EgressPolicy;
  readonly cloud: CloudSessions;
}

const DAY_MS = 86_400_000;
/** Most connections that a heartbeat carries. */
const MOST_STATES = 1_000;

/** The real places: Tekton on clusters, this host, the registries. Nothing is contacted here. */
export function createPlaces(env: DispatcherEnv, stores: DispatcherStores, context: PlacesContext): DispatcherPlaces {
  const { clock, logger, metrics } = context;
  const { egress } = context;
  const connections = openPool(env, stores.providers, context);
  const registry = new ImageRegistryClient({ egress, insecureRegistries: env.insecureRegistries });
  const { numbers } = context;
  const health = new HealthMonitor({
    providers: stores.providers,
    connections,
    proberId: randomUUID(),
    get intervalMs() {
      return numbers.healthIntervalMs;
    },
    get timeoutMs() {
      return numbers.healthTimeoutMs;
    },
    warnBeforeMs: env.credentialWarningMs,
    clock,
    logger,
    metrics,
  });
  const detections = new PostgresDetections(stores.database);
  const detection = new CapabilityDetection({
    connections,
    claimDue: (everyMs, most) => detections.claimDue(everyMs, most),
    record: (providerId, look) => detections.record(providerId, look),
    clock,
    logger,
  });
  observePressure(metrics, () => connections.pressures());
  const board = observeClusters(metrics, connections);
  const local = localExecutor(env, context);
  return {
    executors: env.tektonEnabled ? { local, kubernetes: tektonExecutor(stores, connections, context) } : { local },
    publisher: new RegistryImagePublisher(registry, stores.credentials, stores.providers),
    probe: (providerId) => probeProvider(stores.providers, connections, providerId),
    probeHealth: async () => (await health.runOnce()).started + (await detection.runOnce()),
    openBreakers: () => connections.openBreakers(),
    upkeep: async () => {
      const { replaced, providers } = await connections.runOnce();
      board.show(providers);
      return replaced;
    },
    connections: () => Object.fromEntries([...connections.states()].slice(0, MOST_STATES)),
    close: async () => {
      await health.settled();
      await detection.stop();
      await connections.close();
      await registry.close();
    },
  };
}

function openPool(
  env: DispatcherEnv,
  providers: ProviderRepository,
  { clock, logger, metrics, numbers, egress, cloud }: PlacesContext,
): ConnectionPool {
  const fileRules = { allowedDirs: env.credentialDirs, anyPath: false };
  const inCluster = env.inCluster === undefined ? {} : { inCluster: env.inCluster };
  const pressure = {
    floorPerSecond: env.clusterRateFloor,
    ceilingPerSecond: env.clusterRateCeiling,
    slots: env.clusterRequestsAtOnce,
  };
  const connectorContext = { fileRules, ...inCluster, allowHttp: true, cloud };
  return new ConnectionPool({
    providers,
    connect: (provider, credential) =>
      openClusterConnection(provider, credential, {
        egress,
        context: connectorContext,
        clock,
        pressure,
        observer: new ConnectObserver({ provider, method: provider.settings.authMethod ?? '', logger, metrics, clock }),
      }),
    clock,
    logger,
    get maxIdleMs() {
      return numbers.maxIdleMs;
    },
    get maxClients() {
      return numbers.maxClients;
    },
  });
}

function tektonExecutor(
  stores: DispatcherStores,
  connections: ClusterConnectionProvider,
  { installationId, databaseClock, logger }: PlacesContext,
): BuildExecutor {
  return new TektonBuildExecutor({
    connections,
    providers: stores.providers,
    namespaces: new PostgresTenantNamespaces(stores.database),
    installationId,
    nonceOf: (providerId) => stores.ownership.nonceOf(providerId),
    rollNonce: (providerId, current) => stores.ownership.rollNonce(providerId, current),
    clock: databaseClock,
    logger,
  });
}

function localExecutor(env: DispatcherEnv, { host, clock, logger, egress }: PlacesContext): BuildExecutor {
  return new LocalBuildExecutor({
    workspaceDir: env.localWorkspaceDir,
    hostId: host,
    hostName: hostname(),
    egress,
    logger,
    clock,
    path: env.path,
    builderEnvironment: env.builderEnvironment,
    insecureRegistries: env.insecureRegistries,
    artifactKeepMs: env.logRetentionDays * DAY_MS,
  });
}
