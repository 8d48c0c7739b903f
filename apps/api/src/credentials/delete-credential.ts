import { Inject, Injectable } from '@nestjs/common';
import { type CredentialKind, PostgresCredentials } from '@image-factory/persistence';
import { AuditedWrites } from '../http/write/audited-writes.js';
import type { TenantScope } from '../http/request-scope.js';

/** Refused while a project names it or a build that has not ended needs it. */
@Injectable()
export class DeleteCredential {
  constructor(
    @Inject(PostgresCredentials) private readonly credentials: PostgresCredentials,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
  ) {}

  async execute(scope: TenantScope, kind: CredentialKind, id: string): Promise<void> {
    await this.audited.run(scope, async (tx) => {
      await this.credentials.delete(tx, kind, scope.tenantId, id);
      const objectType = `${kind}-auth`;
      return {
        result: undefined,
        note: { action: `${objectType}.delete`, objectType, objectId: id, tenantId: scope.tenantId },
      };
    });
  }
}
