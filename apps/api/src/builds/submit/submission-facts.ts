import { Inject, Injectable } from '@nestjs/common';
import type { PlacementFacts } from '@image-factory/domain';
import {
  PlacementFactsReader,
  PostgresProjects,
  PostgresTenants,
  type Project,
  type Tenant,
} from '@image-factory/persistence';
import { isUuid } from '../../http/validation/fields.js';

/** What the rules of a submission look at. */
export interface SubmissionFacts extends PlacementFacts {
  readonly tenant: Tenant;
  /** Undefined: there is no such project in the tenant. */
  readonly project: Project | undefined;
}

/** Reads them in one go. */
@Injectable()
export class SubmissionFactsReader {
  constructor(
    @Inject(PostgresTenants) private readonly tenants: PostgresTenants,
    @Inject(PostgresProjects) private readonly projects: PostgresProjects,
    @Inject(PlacementFactsReader) private readonly placement: PlacementFactsReader,
  ) {}

  async read(tenantId: string, projectId: unknown): Promise<SubmissionFacts> {
    const [tenant, project, placement] = await Promise.all([
      this.tenants.get(tenantId),
      isUuid(projectId) ? this.projects.find(tenantId, projectId) : undefined,
      this.placement.read(tenantId, true),
    ]);
    return { ...placement, tenant, project };
  }
}
