import { type DynamicModule, Module } from '@nestjs/common';
import { Clock } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import type { Database, SecretCipher } from '@image-factory/persistence';
import { Logger, Metrics } from '@image-factory/telemetry';
import { AccessModule } from './access/access.module.js';
import { AuditEventsController } from './audit/audit-events.controller.js';
import { BuildsModule } from './builds/builds.module.js';
import { API_SETTINGS, type ApiSettings } from './config/api-settings.js';
import { CredentialsModule } from './credentials/credentials.module.js';
import { DispatchModule } from './dispatch/dispatch.module.js';
import { HealthController } from './health/health.controller.js';
import { Readiness } from './health/readiness.js';
import { HttpModule } from './http/http.module.js';
import { ProjectsModule } from './projects/projects.module.js';
import { ProvidersModule } from './providers/providers.module.js';
import { SourcesModule } from './sources/sources.module.js';
import { StorageModule } from './storage/storage.module.js';
import { TenantsModule } from './tenants/tenants.module.js';

/** What the process makes before its modules: everything that tests replace. */
export interface ApiParts {
  readonly database: Database;
  readonly cipher: SecretCipher;
  readonly egress: EgressPolicy;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly settings: ApiSettings;
}

@Module({})
class PartsModule {
  static with(parts: ApiParts): DynamicModule {
    const providers = [
      { provide: EgressPolicy, useValue: parts.egress },
      { provide: Clock, useValue: parts.clock },
      { provide: Logger, useValue: parts.logger },
      { provide: Metrics, useValue: parts.metrics },
      { provide: API_SETTINGS, useValue: parts.settings },
    ];
    return { module: PartsModule, global: true, providers, exports: providers };
  }
}

/** Wires the nouns. */
@Module({})
export class AppModule {
  static with(parts: ApiParts): DynamicModule {
    return {
      module: AppModule,
      imports: [
        PartsModule.with(parts),
        StorageModule.with(parts.database, parts.cipher),
        HttpModule,
        AccessModule,
        ProjectsModule,
        CredentialsModule,
        BuildsModule,
        TenantsModule,
        ProvidersModule,
        SourcesModule,
        DispatchModule,
      ],
      controllers: [AuditEventsController, HealthController],
      providers: [Readiness],
    };
  }
}
