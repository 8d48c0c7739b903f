import { Inject, Injectable } from '@nestjs/common';
import { type ConnectionStep, testProvider } from '@image-factory/cluster-connectors';
import { Clock } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { PostgresProviderRepository, PostgresProviders } from '@image-factory/persistence';
import { ProviderAccess } from '../manage/provider-access.js';

/** The way to a cluster, step by step. */
export interface ConnectionTest {
  readonly passed: boolean;
  readonly steps: readonly ConnectionStep[];
}

/** Goes the way to a cluster for an admin, on his request. */
@Injectable()
export class ProbeProvider {
  constructor(
    @Inject(PostgresProviders) private readonly providers: PostgresProviders,
    @Inject(PostgresProviderRepository) private readonly repository: PostgresProviderRepository,
    @Inject(ProviderAccess) private readonly access: ProviderAccess,
    @Inject(EgressPolicy) private readonly egress: EgressPolicy,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  async testConnection(id: string): Promise<ConnectionTest> {
    const provider = await this.providers.get(id);
    if (provider.type === 'local') return { passed: true, steps: [] };
    const { fields, version } = await this.repository.openCredential(id);
    const subject = { clusterId: id, credentialVersion: version };
    const steps = await testProvider(fields, { ...this.access.context(provider.source), subject }, this.egress, {
      clock: this.clock,
      installTasks: provider.settings.installTasks !== false,
    });
    return { passed: steps.every((step) => step.status === 'passed'), steps };
  }
}
