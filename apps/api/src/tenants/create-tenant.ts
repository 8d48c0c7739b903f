import { Inject, Injectable } from '@nestjs/common';
import { PostgresTenants } from '@image-factory/persistence';
import { API_BASE } from '../access/route-table.js';
import { AuditedWrites } from '../http/write/audited-writes.js';
import { type CreatedAnswer, IdempotentWrites } from '../http/write/idempotent-writes.js';
import type { RequestScope } from '../http/request-scope.js';
import { checkGuarantee, CreateTenantRequest, toTenantChange } from './tenant.request.js';
import { TenantResponse, toTenantResponse } from './tenant.response.js';

@Injectable()
export class CreateTenant {
  constructor(
    @Inject(PostgresTenants) private readonly tenants: PostgresTenants,
    @Inject(IdempotentWrites) private readonly writes: IdempotentWrites,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
  ) {}

  async execute(scope: RequestScope, request: CreateTenantRequest): Promise<CreatedAnswer<TenantResponse>> {
    return this.writes.run(scope, async () => async (tx) => {
      const tenant = await this.tenants.create(tx, { ...toTenantChange(request), name: request.name });
      checkGuarantee(tenant);
      const body = toTenantResponse(tenant);
      await this.audited.note(tx, scope, {
        action: 'tenant.create',
        objectType: 'tenant',
        objectId: tenant.id,
        after: body,
      });
      return { status: 201, headers: { location: `${API_BASE}/admin/tenants/${tenant.id}` }, body };
    });
  }
}
