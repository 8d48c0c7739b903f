import { Inject, Injectable } from '@nestjs/common';
import { PostgresTenants } from '@image-factory/persistence';
import { AuditedWrites } from '../http/write/audited-writes.js';
import type { RequestScope } from '../http/request-scope.js';
import { ChangeTenantRequest, checkGuarantee, toTenantChange } from './tenant.request.js';
import { TenantResponse, toTenantResponse } from './tenant.response.js';

/** Changes a tenant and, with it, its lane: new limits hold for the next claim. */
@Injectable()
export class ChangeTenant {
  constructor(
    @Inject(PostgresTenants) private readonly tenants: PostgresTenants,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
  ) {}

  async execute(scope: RequestScope, id: string, request: ChangeTenantRequest): Promise<TenantResponse> {
    return this.audited.run(scope, async (tx) => {
      const before = toTenantResponse(await this.tenants.get(id, tx));
      const tenant = await this.tenants.update(tx, id, toTenantChange(request));
      checkGuarantee(tenant);
      const result = toTenantResponse(tenant);
      return { result, note: { action: 'tenant.change', objectType: 'tenant', objectId: id, before, after: result } };
    });
  }
}
