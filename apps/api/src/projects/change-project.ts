import { Inject, Injectable } from '@nestjs/common';
import { PostgresProjects, type Project } from '@image-factory/persistence';
import { AuditedWrites } from '../http/write/audited-writes.js';
import { expectedVersion } from '../http/write/etag.js';
import type { TenantScope } from '../http/request-scope.js';
import { CheckProject } from './check-project.js';
import { ChangeProjectRequest, toProjectChange } from './project.request.js';
import { toProjectResponse } from './project.response.js';

/** Changes the fields that are sent; `If-Match` makes it a compare-and-set. */
@Injectable()
export class ChangeProject {
  constructor(
    @Inject(CheckProject) private readonly checker: CheckProject,
    @Inject(PostgresProjects) private readonly projects: PostgresProjects,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
  ) {}

  async execute(scope: TenantScope, id: string, request: ChangeProjectRequest): Promise<Project> {
    const version = expectedVersion(scope.ifMatch);
    const before = await this.projects.get(scope.tenantId, id);
    await this.checker.check(scope.tenantId, request);
    return this.audited.run(scope, async (tx) => {
      const result = await this.projects.update(tx, scope.tenantId, id, toProjectChange(request), version);
      const note = {
        action: 'project.change',
        objectType: 'project',
        objectId: id,
        tenantId: scope.tenantId,
        before: toProjectResponse(before),
        after: toProjectResponse(result),
      };
      return { result, note };
    });
  }
}
