import { Inject, Injectable } from '@nestjs/common';
import { type Issue, TENANT_ROLES } from '@image-factory/domain';
import { PostgresApiKeys, PostgresTenants } from '@image-factory/persistence';
import { AuditedWrites } from '../http/write/audited-writes.js';
import { type CreatedAnswer, IdempotentWrites } from '../http/write/idempotent-writes.js';
import type { RequestScope } from '../http/request-scope.js';
import { refuseIssues } from '../http/validation/validate-request.js';
import { hashOfToken, newApiKeyToken } from './api-key-token.js';
import { CreateApiKeyRequest } from './api-key.request.js';
import { CreatedApiKeyResponse, toApiKeyResponse } from './api-key.response.js';
import { API_BASE } from './route-table.js';

/** Makes a key, shows it once and stores its hash. */
@Injectable()
export class CreateApiKey {
  constructor(
    @Inject(PostgresApiKeys) private readonly keys: PostgresApiKeys,
    @Inject(PostgresTenants) private readonly tenants: PostgresTenants,
    @Inject(IdempotentWrites) private readonly writes: IdempotentWrites,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
  ) {}

  async execute(scope: RequestScope, request: CreateApiKeyRequest): Promise<CreatedAnswer<CreatedApiKeyResponse>> {
    const tenantId = request.tenant_id ?? undefined;
    return this.writes.run(scope, async () => {
      refuseIssues(await this.issues(request, tenantId));
      return async (tx) => {
        const token = newApiKeyToken();
        const key = await this.keys.create(tx, {
          name: request.name,
          role: request.role,
          tenantId,
          expiresAt: request.expires_at == null ? undefined : new Date(request.expires_at),
          createdBy: scope.caller.actor,
          keyHash: hashOfToken(token),
        });
        const shown = toApiKeyResponse(key);
        await this.audited.note(tx, scope, {
          action: 'api-key.create',
          objectType: 'api-key',
          objectId: key.id,
          tenantId,
          after: shown,
        });
        return {
          status: 201,
          headers: { location: `${API_BASE}/admin/api-keys/${key.id}`, 'cache-control': 'no-store' },
          body: { ...shown, key: token.reveal() },
          bodyAgain: { ...shown, key: null },
        };
      };
    });
  }

  private async issues(request: CreateApiKeyRequest, tenantId: string | undefined): Promise<Issue[]> {
    const needsTenant = TENANT_ROLES.includes(request.role);
    const issues: Issue[] = [];
    if (needsTenant && tenantId === undefined)
      issues.push({ path: 'tenant_id', message: `is required by the role ${request.role}` });
    if (!needsTenant && tenantId !== undefined) {
      issues.push({ path: 'tenant_id', message: `must be absent: the role ${request.role} belongs to no tenant` });
    }
    if (needsTenant && tenantId !== undefined && (await this.tenants.find(tenantId)) === undefined) {
      issues.push({ path: 'tenant_id', message: 'names no tenant' });
    }
    return issues;
  }
}
