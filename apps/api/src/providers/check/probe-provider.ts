import { Inject, Injectable } from '@nestjs/common';
import { CLOUD_REASONS, type ConnectionStep, stepFix, testConnection } from '@image-factory/cluster-connectors';
import { Clock, type DomainError, isDomainError } from '@image-factory/domain';
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
    try {
      const { fields, version } = await this.repository.openCredential(id);
      const access = await this.access.access(provider.source, fields, { clusterId: id, credentialVersion: version });
      const steps = await testConnection(access, this.egress, {
        fileRules: this.access.context(provider.source).fileRules,
        clock: this.clock,
        installTasks: provider.settings.installTasks !== false,
      });
      return { passed: steps.every((step) => step.status === 'passed'), steps };
    } catch (error) {
      // The config itself gives no access (a file is gone, its cloud refuses): that is the result of the test.
      if (!isDomainError(error) || !isResult(error)) throw error;
      const { reason, message } = error;
      const fix = stepFix('resolve', error);
      return { passed: false, steps: [{ name: 'resolve', status: 'failed', reason, message, fix, duration_ms: 0 }] };
    }
  }
}

function isResult({ kind, reason }: DomainError): boolean {
  return kind === 'InvalidInput' || (CLOUD_REASONS as readonly string[]).includes(reason);
}
