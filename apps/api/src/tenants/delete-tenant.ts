import { Inject, Injectable } from '@nestjs/common';
import { PostgresTenants } from '@image-factory/persistence';
import { AuditedWrites } from '../http/write/audited-writes.js';
import type { RequestScope } from '../http/request-scope.js';
import { toTenantResponse } from './tenant.response.js';

/** With its projects, credentials and keys; refused while builds of it are queued or running. */
@Injectable()
export class DeleteTenant {
  constructor(
    @Inject(PostgresTenants) private readonly tenants: PostgresTenants,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
  ) {}

  async execute(scope: RequestScope, id: string): Promise<void> {
    await this.audited.run(scope, async (tx) => {
      const before = toTenantResponse(await this.tenants.get(id, tx));
      await this.tenants.delete(tx, id);
      return { result: undefined, note: { action: 'tenant.delete', objectType: 'tenant', objectId: id, before } };
    });
  }
}
