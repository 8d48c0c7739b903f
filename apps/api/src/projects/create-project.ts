import { Inject, Injectable } from '@nestjs/common';
import { PostgresProjects } from '@image-factory/persistence';
import { API_BASE } from '../access/route-table.js';
import { AuditedWrites } from '../http/write/audited-writes.js';
import { etagOf } from '../http/write/etag.js';
import { type CreatedAnswer, IdempotentWrites } from '../http/write/idempotent-writes.js';
import type { TenantScope } from '../http/request-scope.js';
import { CheckProject } from './check-project.js';
import { CreateProjectRequest, toProjectChange } from './project.request.js';
import { ProjectResponse, toProjectResponse } from './project.response.js';

@Injectable()
export class CreateProject {
  constructor(
    @Inject(CheckProject) private readonly checker: CheckProject,
    @Inject(PostgresProjects) private readonly projects: PostgresProjects,
    @Inject(IdempotentWrites) private readonly writes: IdempotentWrites,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
  ) {}

  async execute(scope: TenantScope, request: CreateProjectRequest): Promise<CreatedAnswer<ProjectResponse>> {
    return this.writes.run(scope, async () => {
      await this.checker.check(scope.tenantId, request);
      return async (tx) => {
        const project = await this.projects.create(tx, scope.tenantId, {
          ...toProjectChange(request),
          name: request.name,
          gitRepositoryUrl: request.git_repository_url,
        });
        const body = toProjectResponse(project);
        await this.audited.note(tx, scope, {
          action: 'project.create',
          objectType: 'project',
          objectId: project.id,
          tenantId: scope.tenantId,
          after: body,
        });
        const headers = { location: `${API_BASE}/projects/${project.id}`, etag: etagOf(project.version) };
        return { status: 201, headers, body };
      };
    });
  }
}
