import { Inject, Injectable } from '@nestjs/common';
import { isAllowed } from '@image-factory/domain';
import { PostgresProviders, type ProviderDetail } from '@image-factory/persistence';
import { forbidden } from '../../access/access.guard.js';
import { AuditedWrites } from '../../http/write/audited-writes.js';
import { timeOrNull } from '../../http/response/shown.js';
import { expectedVersion } from '../../http/write/etag.js';
import type { RequestScope } from '../../http/request-scope.js';
import { refuseIssues } from '../../http/validation/validate-request.js';
import { ChangeProviderStatusRequest } from './provider.request.js';
import { refuseReturn } from './read-only-fields.js';
import { WakeParkedBuilds } from './wake-parked-builds.js';

/** What an admin wants of a provider. Who may only cordon may also drain and enable, but not disable. */
@Injectable()
export class ChangeProviderStatus {
  constructor(
    @Inject(PostgresProviders) private readonly providers: PostgresProviders,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
    @Inject(WakeParkedBuilds) private readonly wake: WakeParkedBuilds,
  ) {}

  async execute(scope: RequestScope, id: string, request: ChangeProviderStatusRequest): Promise<ProviderDetail> {
    const { status, deadline, reason } = request;
    if (status === 'disabled' && !isAllowed(scope.caller.role, 'provider:manage')) {
      throw forbidden(`the role ${scope.caller.role} may cordon and drain a provider, but not disable it`);
    }
    if (deadline !== undefined && status !== 'draining') {
      refuseIssues([{ path: 'deadline', message: 'belongs to the status draining only' }]);
    }
    const version = expectedVersion(scope.ifMatch);
    const against = version === undefined ? undefined : new Date(version);
    const drainDeadlineAt = deadline === undefined ? undefined : new Date(deadline);
    const provider = await this.audited.run(scope, async (tx) => {
      const before = await this.providers.get(id, tx);
      refuseReturn(before, status);
      const { actor } = scope.caller;
      const change = { state: status, drainDeadlineAt, reason, actor };
      const result = await this.providers.setState(tx, id, change, against);
      const note = {
        action: 'provider.status',
        objectType: 'provider',
        objectId: id,
        before: {
          status: before.state,
          deadline: timeOrNull(before.drainDeadlineAt),
          reason: before.stateChange.reason ?? null,
        },
        after: { status, deadline: deadline ?? null, reason: reason ?? null },
      };
      return { result, note };
    });
    await this.wake.afterChangeOf(id);
    return provider;
  }
}
