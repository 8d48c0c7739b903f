import { Inject, Injectable } from '@nestjs/common';
import { PostgresProviders } from '@image-factory/persistence';
import { AuditedWrites } from '../../http/write/audited-writes.js';
import { expectedVersion } from '../../http/write/etag.js';
import type { RequestScope } from '../../http/request-scope.js';
import { refuseDelete } from './read-only-fields.js';
import { toProviderResponse } from './provider.response.js';

/** Refused while anything of ours is there, from reserved to swept. */
@Injectable()
export class DeleteProvider {
  constructor(
    @Inject(PostgresProviders) private readonly providers: PostgresProviders,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
  ) {}

  async execute(scope: RequestScope, id: string): Promise<void> {
    const version = expectedVersion(scope.ifMatch);
    await this.audited.run(scope, async (tx) => {
      const provider = await this.providers.get(id, tx);
      refuseDelete(provider);
      const before = toProviderResponse(provider);
      await this.providers.delete(tx, id, version === undefined ? undefined : new Date(version));
      return { result: undefined, note: { action: 'provider.delete', objectType: 'provider', objectId: id, before } };
    });
  }
}
