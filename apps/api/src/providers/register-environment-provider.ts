import { Inject, Injectable } from '@nestjs/common';
import { Database, PostgresProviders } from '@image-factory/persistence';

/** Name of the provider that `IF_BUILD_TEKTON_KUBECONFIG` makes. */
export const ENVIRONMENT_PROVIDER_NAME = 'environment';

/**
 * Mirrors the global kubeconfig as a provider row. It stands for the whole installation, so placement takes it last and
 * without a grant; its config is read-only. Running it again changes nothing unless the path has changed.
 */
@Injectable()
export class RegisterEnvironmentProvider {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(PostgresProviders) private readonly providers: PostgresProviders,
  ) {}

  /** @throws DomainError Conflict NameTaken when a provider of the API has that name */
  async execute(kubeconfigPath: string): Promise<void> {
    const config = { auth_method: 'kubeconfig', kubeconfig_path: kubeconfigPath };
    const existing = await this.providers.findByName(ENVIRONMENT_PROVIDER_NAME);
    if (existing?.source === 'environment') {
      if (existing.config['kubeconfig_path'] === kubeconfigPath) return;
      await this.database.transaction((tx) => this.providers.update(tx, existing.id, { config }));
      return;
    }
    await this.database.transaction((tx) =>
      this.providers.create(tx, { name: ENVIRONMENT_PROVIDER_NAME, type: 'kubernetes', source: 'environment', config }),
    );
  }
}
