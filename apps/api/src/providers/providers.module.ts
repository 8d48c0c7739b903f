import { Module } from '@nestjs/common';
import { ConnectObserver, openClusterConnection } from '@image-factory/cluster-connectors';
import { ConnectionPool } from '@image-factory/cluster-registry';
import { Clock } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { PostgresProviderRepository } from '@image-factory/persistence';
import { Logger, Metrics } from '@image-factory/telemetry';
import { ChangeProvider } from './manage/change-provider.js';
import { ChangeProviderStatus } from './manage/change-provider-status.js';
import { CreateProvider } from './manage/create-provider.js';
import { DeleteProvider } from './manage/delete-provider.js';
import { GrantProvider } from './grant/grant-provider.js';
import { CheckProviderReadiness } from './check/check-provider-readiness.js';
import { GetProviderHealth } from './check/get-provider-health.js';
import { ProbeProvider } from './check/probe-provider.js';
import { ProviderAccess } from './manage/provider-access.js';
import { ProviderChecksController } from './check/provider-checks.controller.js';
import { ProviderDrainController } from './drain/provider-drain.controller.js';
import { ProviderPermissionsController } from './grant/provider-permissions.controller.js';
import { ProvidersController } from './manage/providers.controller.js';
import { RevokeProviderGrant } from './grant/revoke-provider-grant.js';
import { WakeParkedBuilds } from './manage/wake-parked-builds.js';

@Module({
  exports: [ProviderAccess],
  controllers: [ProvidersController, ProviderChecksController, ProviderDrainController, ProviderPermissionsController],
  providers: [
    ProviderAccess,
    CreateProvider,
    ChangeProvider,
    ChangeProviderStatus,
    DeleteProvider,
    GrantProvider,
    RevokeProviderGrant,
    ProbeProvider,
    GetProviderHealth,
    CheckProviderReadiness,
    WakeParkedBuilds,
    {
      provide: ConnectionPool,
      inject: [PostgresProviderRepository, EgressPolicy, ProviderAccess, Clock, Logger, Metrics],
      useFactory: (
        providers: PostgresProviderRepository,
        egress: EgressPolicy,
        access: ProviderAccess,
        clock: Clock,
        logger: Logger,
        metrics: Metrics,
      ) =>
        new ConnectionPool({
          providers,
          clock,
          logger,
          maxClients: 10,
          connect: (provider, credential) =>
            openClusterConnection(provider, credential, {
              egress,
              clock,
              context: access.context(provider.source),
              observer: new ConnectObserver({
                provider,
                method: provider.settings.authMethod ?? '',
                logger,
                metrics,
                clock,
              }),
            }),
        }),
    },
  ],
})
export class ProvidersModule {}
