import { Inject, Injectable } from '@nestjs/common';
import { PostgresProviderPermissions } from '@image-factory/persistence';
import { AuditedWrites } from '../../http/write/audited-writes.js';
import type { RequestScope } from '../../http/request-scope.js';

/** Ends a grant for new builds; what runs there goes on. */
@Injectable()
export class RevokeProviderGrant {
  constructor(
    @Inject(PostgresProviderPermissions) private readonly permissions: PostgresProviderPermissions,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
  ) {}

  async execute(scope: RequestScope, providerId: string, tenantId: string): Promise<void> {
    await this.audited.run(scope, async (tx) => {
      await this.permissions.revoke(tx, providerId, tenantId);
      const note = { action: 'provider.revoke', objectType: 'provider', objectId: providerId, tenantId };
      return { result: undefined, note };
    });
  }
}
