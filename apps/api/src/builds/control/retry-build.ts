import { Inject, Injectable } from '@nestjs/common';
import { DomainError, isTerminalBuildStatus } from '@image-factory/domain';
import { PostgresBuilds } from '@image-factory/persistence';
import type { CreatedAnswer } from '../../http/write/idempotent-writes.js';
import type { TenantScope } from '../../http/request-scope.js';
import type { BuildResponse } from '../read/build.response.js';
import { SubmitBuild } from '../submit/submit-build.js';

/** A new build from the same input, by today's rules; only when the old one has ended. */
@Injectable()
export class RetryBuild {
  constructor(
    @Inject(PostgresBuilds) private readonly builds: PostgresBuilds,
    @Inject(SubmitBuild) private readonly submit: SubmitBuild,
  ) {}

  async execute(scope: TenantScope, buildId: string): Promise<CreatedAnswer<BuildResponse>> {
    const build = await this.builds.get(scope.tenantId, buildId);
    if (!isTerminalBuildStatus(build.status)) {
      throw new DomainError({
        kind: 'Conflict',
        reason: 'BuildNotFinished',
        message: `build ${buildId} is ${build.status}; only one that has ended can be retried`,
      });
    }
    // A time in the past means nothing any more; everything else is as it was sent.
    const { not_before: _notBefore, ...request } = build.request;
    return this.submit.execute(scope, request, build.id);
  }
}
