import { Inject, Injectable } from '@nestjs/common';
import { PostgresApiKeys } from '@image-factory/persistence';
import { AuditedWrites } from '../http/write/audited-writes.js';
import type { RequestScope } from '../http/request-scope.js';
import { toApiKeyResponse } from './api-key.response.js';

/** A revoked key works no more from the next request on, and stays listed. Idempotent. */
@Injectable()
export class RevokeApiKey {
  constructor(
    @Inject(PostgresApiKeys) private readonly keys: PostgresApiKeys,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
  ) {}

  async execute(scope: RequestScope, id: string): Promise<void> {
    await this.audited.run(scope, async (tx) => {
      const key = await this.keys.revoke(tx, id);
      const note = {
        action: 'api-key.revoke',
        objectType: 'api-key',
        objectId: id,
        tenantId: key.tenantId,
        after: toApiKeyResponse(key),
      };
      return { result: undefined, note };
    });
  }
}
