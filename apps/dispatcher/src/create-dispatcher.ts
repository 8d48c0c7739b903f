import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { CloudSessions } from '@image-factory/cluster-connectors';
import { keptSecret } from '@image-factory/configuration';
import type { Clock } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import {
  Database,
  generateEncryptionKeys,
  installationId,
  Notifier,
  parseEncryptionKeys,
  PostgresBuildLogs,
  PostgresBuildQueue,
  PostgresDatabaseTrust,
  PostgresCredentials,
  PostgresExecutions,
  PostgresInvariants,
  PostgresQueueTotals,
  PostgresLeases,
  PostgresOwnership,
  PostgresPlacementHistory,
  PostgresProviderRepository,
  PostgresRegistryHolds,
  PostgresRetries,
  SecretCipher,
} from '@image-factory/persistence';
import { Metrics, observeDatabase, systemClock, toFrameworkLogger, type Logger } from '@image-factory/telemetry';
import { randomUUID } from 'node:crypto';
import { AppModule } from './app.module.js';
import type { DispatcherEnv } from './config/env.js';
import { createPlaces } from './create-places.js';
import { Dispatcher, type DispatcherFrame } from './dispatcher.js';
import { DatabaseClock } from './lease/database-clock.js';
import { settingsFrom, type DispatcherSettings } from './runtime/dispatcher-settings.js';
import { LiveClusterNumbers } from './sources/cluster-numbers.js';
import { createSources } from './sources/create-sources.js';
import type { DispatcherPlaces, DispatcherStores } from './runtime/runtime-parts.js';

export const DISPATCHER_VERSION = '0.1.0';

/** What no live process has held for so long (six looks) may give way. */
const UNHELD_MS = 30_000;

/** What tests and embedders replace. */
export interface DispatcherOverrides {
  readonly settings?: Partial<DispatcherSettings>;
  readonly places?: (stores: DispatcherStores, settings: DispatcherSettings) => DispatcherPlaces;
  readonly clock?: Clock;
  readonly metrics?: Metrics;
  readonly metricsText?: () => Promise<string>;
  /** False: no port is opened; the timers run all the same. */
  readonly http?: boolean;
}

/** The composition root: everything is made here, nothing is started. */
export async function createDispatcher(
  env: DispatcherEnv,
  logger: Logger,
  overrides: DispatcherOverrides = {},
): Promise<Dispatcher> {
  const clock = overrides.clock ?? systemClock;
  const databaseClock = new DatabaseClock(clock);
  const metrics = overrides.metrics ?? new Metrics();
  const host = env.localHostId ?? (await keptSecret(env.dataDir, 'local-host-id', randomUUID)).reveal();
  const settings = { ...settingsFrom(env, host, DISPATCHER_VERSION), ...overrides.settings };
  const keys = env.encryptionKeys ?? (await keptSecret(env.dataDir, 'encryption-keys', generateEncryptionKeys));
  const cipher = new SecretCipher(parseEncryptionKeys(keys.reveal()));
  const database = Database.create(
    {
      url: env.databaseUrl,
      poolSize: env.databasePoolSize,
      applicationName: 'image-factory-dispatcher',
      // Who adopts the shards of a frozen dispatcher does not wait for its transactions longer than for its lease.
      idleTransactionTimeoutMs: settings.leaseMs,
    },
    logger,
  );
  observeDatabase(metrics, database);
  return new Dispatcher({
    settings,
    database,
    openParts: async () => {
      const numbers = new LiveClusterNumbers(env, logger);
      const egress = new EgressPolicy({ allow: env.egressAllow, allowHttp: env.insecureRegistries });
      const cloud = new CloudSessions({ egress, clock, redirects: env.cloudEndpoints ?? {} });
      const patienceMs = UNHELD_MS * settings.periodicScale;
      const sources = createSources(env, database, { host, numbers, clock, logger, metrics, cloud, patienceMs });
      await sources.start();
      const stores = openStores(database, cipher);
      const installation = await installationId(database);
      const context = {
        installationId: installation,
        host,
        numbers,
        clock,
        databaseClock,
        logger,
        metrics,
        egress,
        cloud,
      };
      const places = overrides.places?.(stores, settings) ?? createPlaces(env, stores, context);
      return { installationId: installation, stores, places, sources };
    },
    openFrame: (dispatcher) => openFrame(dispatcher, overrides.http === false ? undefined : env, logger),
    metricsText: overrides.metricsText ?? (() => Promise.resolve('')),
    clock: databaseClock,
    logger,
    metrics,
  });
}

function openStores(database: Database, cipher: SecretCipher): DispatcherStores {
  const notifier = new Notifier(database);
  return {
    database,
    notifier,
    queue: new PostgresBuildQueue(database, notifier),
    leases: new PostgresLeases(database),
    trust: new PostgresDatabaseTrust(database),
    ownership: new PostgresOwnership(database),
    invariants: new PostgresInvariants(database),
    queueTotals: new PostgresQueueTotals(database),
    executions: new PostgresExecutions(database, notifier),
    logs: new PostgresBuildLogs(database, notifier),
    retries: new PostgresRetries(database),
    registryHolds: new PostgresRegistryHolds(database),
    placementHistory: new PostgresPlacementHistory(database),
    providers: new PostgresProviderRepository(database, cipher),
    credentials: new PostgresCredentials(database, cipher),
  };
}

async function openFrame(
  dispatcher: Dispatcher,
  listen: { readonly httpHost: string; readonly httpPort: number } | undefined,
  logger: Logger,
): Promise<DispatcherFrame> {
  const options = { logger: toFrameworkLogger(logger), abortOnError: false };
  if (listen === undefined) {
    const context = await NestFactory.createApplicationContext(AppModule.around(dispatcher), options);
    return { port: undefined, close: () => context.close() };
  }
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.around(dispatcher),
    new FastifyAdapter(),
    options,
  );
  await app.listen(listen.httpPort, listen.httpHost);
  const address = app.getHttpServer().address();
  const port = typeof address === 'object' && address !== null ? address.port : listen.httpPort;
  return { port, close: () => app.close() };
}
