import { Module } from '@nestjs/common';
import { openClusterConnection } from '@image-factory/cluster-connectors';
import { ConnectionPool } from '@image-factory/cluster-registry';
import { Clock } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { PostgresProviderRepository } from '@image-factory/persistence';
import { Logger } from '@image-factory/telemetry';
import { ChangeProvider } from './change-provider.js';
import { ChangeProviderStatus } from './change-provider-status.js';
import { CreateProvider } from './create-provider.js';
import { DeleteProvider } from './delete-provider.js';
import { GrantProvider } from './grant-provider.js';
import { ProbeProvider } from './probe-provider.js';
import { ProviderAccess } from './provider-access.js';
import { ProviderChecksController } from './provider-checks.controller.js';
import { ProviderPermissionsController } from './provider-permissions.controller.js';
import { ProvidersController } from './providers.controller.js';
import { RevokeProviderGrant } from './revoke-provider-grant.js';
import { WakeParkedBuilds } from './wake-parked-builds.js';

@Module({
  controllers: [ProvidersController, ProviderChecksController, ProviderPermissionsController],
  providers: [
    ProviderAccess,
    CreateProvider,
    ChangeProvider,
    ChangeProviderStatus,
    DeleteProvider,
    GrantProvider,
    RevokeProviderGrant,
    ProbeProvider,
    WakeParkedBuilds,
    {
      provide: ConnectionPool,
      inject: [PostgresProviderRepository, EgressPolicy, ProviderAccess, Clock, Logger],
      useFactory: (
        providers: PostgresProviderRepository,
        egress: EgressPolicy,
        access: ProviderAccess,
        clock: Clock,
        logger: Logger,
      ) =>
        new ConnectionPool({
          providers,
          clock,
          logger,
          maxClients: 10,
          connect: (provider, credential) =>
            openClusterConnection(provider, credential, { egress, clock, context: access.context(provider.source) }),
        }),
    },
  ],
})
export class ProvidersModule {}
