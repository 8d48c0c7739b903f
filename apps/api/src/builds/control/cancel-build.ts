import { Inject, Injectable } from '@nestjs/common';
import { DomainError } from '@image-factory/domain';
import { PostgresBuildQueue, PostgresBuilds } from '@image-factory/persistence';
import type { TenantScope } from '../../http/request-scope.js';
import { audienceOf } from '../../access/audience.js';
import { BuildResponse, toBuildResponse } from '../read/build.response.js';

/** Asks for the end of a build in any state; asking again is fine, a build that ended otherwise is a conflict. */
@Injectable()
export class CancelBuild {
  constructor(
    @Inject(PostgresBuildQueue) private readonly queue: PostgresBuildQueue,
    @Inject(PostgresBuilds) private readonly builds: PostgresBuilds,
  ) {}

  async execute(scope: TenantScope, buildId: string, reason: string | undefined): Promise<BuildResponse> {
    const { tenantId, caller } = scope;
    const result = await this.queue.requestCancel({ buildId, tenantId, actor: caller.actor, reason });
    if (result.kind === 'finished') {
      throw new DomainError({
        kind: 'Conflict',
        reason: 'BuildAlreadyFinished',
        message: `build ${buildId} is ${result.status} already`,
      });
    }
    return toBuildResponse(await this.builds.get(tenantId, buildId), audienceOf(caller.role));
  }
}
