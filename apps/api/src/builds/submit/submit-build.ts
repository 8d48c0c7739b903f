import { Inject, Injectable } from '@nestjs/common';
import {
  type NewBuild,
  PostgresBuildQueue,
  PostgresBuilds,
  PostgresBuildSubmissions,
  type Superseded,
} from '@image-factory/persistence';
import { currentTraceparent, Metrics } from '@image-factory/telemetry';
import { type CreatedAnswer, IdempotentWrites } from '../../http/write/idempotent-writes.js';
import { API_BASE } from '../../access/route-table.js';
import type { TenantScope } from '../../http/request-scope.js';
import { audienceOf } from '../../access/audience.js';
import { BuildResponse, toBuildResponse } from '../read/build.response.js';
import { CheckSubmission } from './check-submission.js';
import { submissionRefused } from './submission-issue.js';

/** Puts a build into the queue: every rule first, then one transaction. */
@Injectable()
export class SubmitBuild {
  constructor(
    @Inject(CheckSubmission) private readonly checker: CheckSubmission,
    @Inject(PostgresBuildSubmissions) private readonly submissions: PostgresBuildSubmissions,
    @Inject(PostgresBuilds) private readonly builds: PostgresBuilds,
    @Inject(IdempotentWrites) private readonly writes: IdempotentWrites,
    @Inject(PostgresBuildQueue) private readonly queue: PostgresBuildQueue,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {}

  /** `body` is what is submitted: the request's own, or that of the build that is retried. */
  async execute(scope: TenantScope, body: unknown, retryOf?: string): Promise<CreatedAnswer<BuildResponse>> {
    let superseded: Superseded | undefined;
    const answer = await this.writes.run(scope, async () => {
      const build = await this.prepare(scope, body, retryOf);
      return async (tx) => {
        const submitted = await this.submissions.insert(tx, build);
        const { id } = submitted;
        superseded = submitted.superseded;
        const stored = await this.builds.get(scope.tenantId, id, tx);
        const location = `${API_BASE}/builds/${id}`;
        return { status: 201, headers: { location }, body: toBuildResponse(stored, audienceOf(scope.caller.role)) };
      };
    });
    this.queue.tellSubmitted(scope.tenantId, superseded);
    this.metrics.count('submissions', 1, { method: answer.body.build_method });
    return answer;
  }

  private async prepare(scope: TenantScope, body: unknown, retryOf: string | undefined): Promise<NewBuild> {
    const checked = await this.checker.check(scope.tenantId, body);
    if (checked.kind === 'refused') {
      const refusal = submissionRefused(checked.issues);
      this.metrics.count('submissionRefusals', 1, { reason: refusal.reason });
      throw refusal;
    }
    return { ...checked.build, retryOf, traceparent: currentTraceparent(), createdBy: scope.caller.actor };
  }
}
