import { Inject, Injectable } from '@nestjs/common';
import { Database, PostgresProviders, type ProviderChange, type ProviderDetail } from '@image-factory/persistence';
import { AuditedWrites } from '../../http/write/audited-writes.js';
import { expectedVersion } from '../../http/write/etag.js';
import type { RequestScope } from '../../http/request-scope.js';
import { refuseIssues } from '../../http/validation/validate-request.js';
import { localIssues } from './create-provider.js';
import { mergeConfig } from './merge-config.js';
import { ProviderAccess } from './provider-access.js';
import { refuseReadOnly } from './read-only-fields.js';
import { ChangeProviderRequest } from './provider.request.js';
import { toProviderResponse } from './provider.response.js';
import { WakeParkedBuilds } from './wake-parked-builds.js';

/**
 * Changes what is sent; the config is merged and judged as a whole. The change is made against the row that was read:
 * if another came in between, this one is refused, because its config would undo the other's.
 */
@Injectable()
export class ChangeProvider {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(PostgresProviders) private readonly providers: PostgresProviders,
    @Inject(ProviderAccess) private readonly access: ProviderAccess,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
    @Inject(WakeParkedBuilds) private readonly wake: WakeParkedBuilds,
  ) {}

  async execute(scope: RequestScope, id: string, request: ChangeProviderRequest): Promise<ProviderDetail> {
    const expected = expectedVersion(scope.ifMatch);
    const before = await this.providers.get(id);
    const now = request.config === undefined ? {} : await this.providers.openConfig(this.database, id);
    refuseReadOnly(before, fieldsOf(request), request.config === undefined ? undefined : { sent: request.config, now });
    const config = request.config === undefined ? undefined : mergeConfig(now, request.config);
    refuseIssues([
      ...(config === undefined ? [] : await this.access.issues(before.type, before.source, config)),
      ...localIssues(before.type, request.is_global),
    ]);
    const against = expected === undefined ? (config === undefined ? undefined : before.updatedAt) : new Date(expected);
    const credentialExpiresAt = config === undefined ? undefined : await this.access.expiry(before.source, config);
    const provider = await this.audited.run(scope, async (tx) => {
      const result = await this.providers.update(
        tx,
        id,
        toProviderChange(request, config, credentialExpiresAt),
        against,
      );
      const note = {
        action: 'provider.change',
        objectType: 'provider',
        objectId: id,
        before: toProviderResponse(before),
        after: toProviderResponse(result),
      };
      return { result, note };
    });
    await this.wake.afterChangeOf(id);
    return provider;
  }
}

/** Fields that are sent. */
function fieldsOf(request: ChangeProviderRequest): string[] {
  return Object.entries(request)
    .filter(([, value]) => value !== undefined)
    .map(([field]) => field);
}

function toProviderChange(
  request: ChangeProviderRequest,
  config: ProviderChange['config'],
  credentialExpiresAt: Date | undefined,
): ProviderChange {
  return {
    name: request.name,
    isGlobal: request.is_global,
    capabilities: request.capabilities,
    labels: request.labels,
    maxConcurrentBuilds: request.max_concurrent_builds,
    region: request.region,
    pricePerMinute: request.price_per_minute,
    allowPrivileged: request.allow_privileged,
    ...(config === undefined ? {} : { config, credentialExpiresAt }),
  } as ProviderChange;
}
