import { Inject, Injectable } from '@nestjs/common';
import type { Provider } from '@image-factory/domain';
import {
  PostgresProjects,
  PostgresProviderRepository,
  PostgresTenants,
  type Project,
  type Tenant,
} from '@image-factory/persistence';
import { isUuid } from '../../http/validation/fields.js';

/** What the rules of a submission look at. */
export interface SubmissionFacts {
  readonly tenant: Tenant;
  /** Undefined: there is no such project in the tenant. */
  readonly project: Project | undefined;
  readonly providers: readonly Provider[];
  readonly grantedProviderIds: ReadonlySet<string>;
}

/** Reads them in one go. */
@Injectable()
export class SubmissionFactsReader {
  constructor(
    @Inject(PostgresTenants) private readonly tenants: PostgresTenants,
    @Inject(PostgresProjects) private readonly projects: PostgresProjects,
    @Inject(PostgresProviderRepository) private readonly providers: PostgresProviderRepository,
  ) {}

  async read(tenantId: string, projectId: unknown): Promise<SubmissionFacts> {
    const [tenant, project, providers, grantedProviderIds] = await Promise.all([
      this.tenants.get(tenantId),
      isUuid(projectId) ? this.projects.find(tenantId, projectId) : undefined,
      this.providers.list(),
      this.providers.grantedProviderIds(tenantId),
    ]);
    return { tenant, project, providers, grantedProviderIds };
  }
}
