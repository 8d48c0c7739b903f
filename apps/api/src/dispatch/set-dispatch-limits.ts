import { Inject, Injectable } from '@nestjs/common';
import { CHANNELS, type DispatchLimits, Notifier, PostgresDispatchAdmin } from '@image-factory/persistence';
import { AuditedWrites } from '../http/write/audited-writes.js';
import type { RequestScope } from '../http/request-scope.js';
import type { DispatchLimitsRequest } from './dispatch-limits.request.js';

/** Sets how much may run in all tenants together; what runs beyond a lowered limit goes on. */
@Injectable()
export class SetDispatchLimits {
  constructor(
    @Inject(PostgresDispatchAdmin) private readonly admin: PostgresDispatchAdmin,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
    @Inject(Notifier) private readonly notifier: Notifier,
  ) {}

  async execute(scope: RequestScope, request: DispatchLimitsRequest): Promise<DispatchLimits> {
    const before = (await this.admin.limits()).maxConcurrentBuilds ?? null;
    await this.audited.run(scope, async (tx) => {
      await this.admin.setLimit(tx, request.max_concurrent_builds);
      const note = {
        action: 'dispatcher.limits',
        objectType: 'dispatcher',
        objectId: 'all',
        before: { max_concurrent_builds: before },
        after: { max_concurrent_builds: request.max_concurrent_builds },
      };
      return { result: undefined, note };
    });
    this.notifier.touch(CHANNELS.queue, 'all');
    return this.admin.limits();
  }
}
