import { Inject, Injectable } from '@nestjs/common';
import { PostgresProviderPermissions, PostgresProviders, PostgresTenants } from '@image-factory/persistence';
import { API_BASE } from '../../access/route-table.js';
import { AuditedWrites } from '../../http/write/audited-writes.js';
import { type CreatedAnswer, IdempotentWrites } from '../../http/write/idempotent-writes.js';
import type { RequestScope } from '../../http/request-scope.js';
import { refuseIssues } from '../../http/validation/validate-request.js';
import { PermissionResponse, toPermissionResponse } from './permission.response.js';
import { GrantProviderRequest } from '../manage/provider.request.js';
import { WakeParkedBuilds } from '../manage/wake-parked-builds.js';

/** Lets a tenant use a provider; granting again replaces the expiry. */
@Injectable()
export class GrantProvider {
  constructor(
    @Inject(PostgresProviders) private readonly providers: PostgresProviders,
    @Inject(PostgresTenants) private readonly tenants: PostgresTenants,
    @Inject(PostgresProviderPermissions) private readonly permissions: PostgresProviderPermissions,
    @Inject(IdempotentWrites) private readonly writes: IdempotentWrites,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
    @Inject(WakeParkedBuilds) private readonly wake: WakeParkedBuilds,
  ) {}

  async execute(
    scope: RequestScope,
    providerId: string,
    request: GrantProviderRequest,
  ): Promise<CreatedAnswer<PermissionResponse>> {
    const answer = await this.writes.run(scope, async () => {
      await this.providers.get(providerId);
      const tenant = await this.tenants.find(request.tenant_id);
      refuseIssues(tenant === undefined ? [{ path: 'tenant_id', message: 'names no tenant' }] : []);
      return async (tx) => {
        const granted = await this.permissions.grant(tx, {
          providerId,
          tenantId: request.tenant_id.toLowerCase(),
          grantedBy: scope.caller.actor,
          expiresAt: request.expires_at == null ? undefined : new Date(request.expires_at),
        });
        const body = toPermissionResponse(granted);
        await this.audited.note(tx, scope, {
          action: 'provider.grant',
          objectType: 'provider',
          objectId: providerId,
          tenantId: granted.tenantId,
          after: body,
        });
        const location = `${API_BASE}/admin/infrastructure/providers/${providerId}/permissions`;
        return { status: 201, headers: { location }, body };
      };
    });
    await this.wake.afterChangeOf(providerId);
    return answer;
  }
}
