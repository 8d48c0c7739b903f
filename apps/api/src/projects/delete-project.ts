import { Inject, Injectable } from '@nestjs/common';
import { PostgresProjects } from '@image-factory/persistence';
import { AuditedWrites } from '../http/write/audited-writes.js';
import { expectedVersion } from '../http/write/etag.js';
import type { TenantScope } from '../http/request-scope.js';

/** Refused while builds of it have not ended; ended builds stay readable. */
@Injectable()
export class DeleteProject {
  constructor(
    @Inject(PostgresProjects) private readonly projects: PostgresProjects,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
  ) {}

  async execute(scope: TenantScope, id: string): Promise<void> {
    const version = expectedVersion(scope.ifMatch);
    await this.audited.run(scope, async (tx) => {
      await this.projects.delete(tx, scope.tenantId, id, version);
      const note = { action: 'project.delete', objectType: 'project', objectId: id, tenantId: scope.tenantId };
      return { result: undefined, note };
    });
  }
}
