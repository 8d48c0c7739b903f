import { Inject, Injectable } from '@nestjs/common';
import type { Issue } from '@image-factory/domain';
import { PostgresProviders } from '@image-factory/persistence';
import { API_BASE } from '../../access/route-table.js';
import { AuditedWrites } from '../../http/write/audited-writes.js';
import { etagOf } from '../../http/write/etag.js';
import { type CreatedAnswer, IdempotentWrites } from '../../http/write/idempotent-writes.js';
import type { RequestScope } from '../../http/request-scope.js';
import { refuseIssues } from '../../http/validation/validate-request.js';
import { ProviderAccess } from './provider-access.js';
import { CreateProviderRequest } from './provider.request.js';
import { ProviderResponse, toProviderResponse } from './provider.response.js';
import { WakeParkedBuilds } from './wake-parked-builds.js';

/** Registers a provider; whether it works is what test-connection and readiness say. */
@Injectable()
export class CreateProvider {
  constructor(
    @Inject(PostgresProviders) private readonly providers: PostgresProviders,
    @Inject(ProviderAccess) private readonly access: ProviderAccess,
    @Inject(IdempotentWrites) private readonly writes: IdempotentWrites,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
    @Inject(WakeParkedBuilds) private readonly wake: WakeParkedBuilds,
  ) {}

  async execute(scope: RequestScope, request: CreateProviderRequest): Promise<CreatedAnswer<ProviderResponse>> {
    const answer = await this.writes.run(scope, async () => {
      refuseIssues(await this.issues(request));
      const credentialExpiresAt = await this.access.expiry('api', request.config ?? {});
      return async (tx) => {
        const provider = await this.providers.create(tx, {
          name: request.name,
          type: request.provider_type,
          config: request.config ?? {},
          credentialExpiresAt,
          isGlobal: request.is_global,
          capabilities: request.capabilities,
          labels: request.labels,
          maxConcurrentBuilds: request.max_concurrent_builds,
          region: request.region,
          pricePerMinute: request.price_per_minute,
          allowPrivileged: request.allow_privileged,
        });
        const body = toProviderResponse(provider);
        await this.audited.note(tx, scope, {
          action: 'provider.create',
          objectType: 'provider',
          objectId: provider.id,
          after: body,
        });
        const location = `${API_BASE}/admin/infrastructure/providers/${provider.id}`;
        return { status: 201, headers: { location, etag: etagOf(provider.updatedAt.getTime()) }, body };
      };
    });
    await this.wake.afterChangeOf(answer.body.id);
    return answer;
  }

  private async issues(request: CreateProviderRequest): Promise<Issue[]> {
    const issues = await this.access.issues(request.provider_type, 'api', request.config ?? {});
    return [...issues, ...localIssues(request.provider_type, request.is_global)];
  }
}

/** Builds run code on a local provider's host: it is granted tenant by tenant. */
export function localIssues(type: string, isGlobal: boolean | undefined): Issue[] {
  return type === 'local' && isGlobal === true
    ? [{ path: 'is_global', message: 'must not be true for a local provider; grant it to tenants instead' }]
    : [];
}
