import { type DynamicModule, Module, type Provider as NestProvider } from '@nestjs/common';
import {
  Database,
  Notifier,
  PostgresApiKeys,
  PostgresAudit,
  PostgresBuildHistory,
  PostgresBuildLogs,
  PostgresBuildQueue,
  PostgresBuilds,
  PostgresBuildSubmissions,
  PostgresCredentials,
  PostgresDeclaredProviders,
  PostgresDiscoveredClusters,
  PostgresDiscoveryRuns,
  PostgresDispatchAdmin,
  PostgresDrains,
  PostgresIdempotency,
  PostgresInvariants,
  PostgresMirroredProviders,
  PostgresProbes,
  PostgresProjects,
  PostgresProviderPermissions,
  PostgresProviderRepository,
  PostgresProviders,
  PostgresQueueView,
  PostgresTenantNamespaces,
  PostgresTenants,
  SecretCipher,
} from '@image-factory/persistence';

/** Everything that is kept in PostgreSQL, for every other module. */
@Module({})
export class StorageModule {
  static with(database: Database, cipher: SecretCipher): DynamicModule {
    const notifier = new Notifier(database);
    const queue = new PostgresBuildQueue(database, notifier);
    const parts = [
      database,
      cipher,
      notifier,
      queue,
      new PostgresTenants(database, queue),
      new PostgresTenantNamespaces(database),
      new PostgresProjects(database),
      new PostgresApiKeys(database),
      new PostgresCredentials(database, cipher),
      new PostgresProviders(database, cipher),
      new PostgresDrains(database),
      new PostgresProviderRepository(database, cipher),
      new PostgresProviderPermissions(database),
      new PostgresProbes(database),
      new PostgresMirroredProviders(database),
      new PostgresDeclaredProviders(database),
      new PostgresDiscoveredClusters(database),
      new PostgresDiscoveryRuns(database),
      new PostgresBuilds(database),
      new PostgresBuildSubmissions(queue),
      new PostgresBuildHistory(database),
      new PostgresBuildLogs(database, notifier),
      new PostgresIdempotency(database),
      new PostgresAudit(database),
      new PostgresQueueView(database),
      new PostgresDispatchAdmin(database),
      new PostgresInvariants(database),
    ];
    const providers: NestProvider[] = parts.map((part) => ({ provide: part.constructor, useValue: part }));
    return { module: StorageModule, global: true, providers, exports: providers };
  }
}
