import { Inject, Injectable } from '@nestjs/common';
import { PostgresBuildHistory, PostgresBuilds } from '@image-factory/persistence';
import { audienceOf } from '../../access/audience.js';
import type { TenantScope } from '../../http/request-scope.js';
import type { ListResponse } from '../../http/response/list.request.js';
import { ArtifactResponse, toArtifactResponse } from './artifact.response.js';
import { ExecutionResponse, toExecutionResponse } from './execution.response.js';
import { type StoredDecisionResponse, toStoredDecisionResponse } from './placement.response.js';

/** A build that waits long is decided about often: the newest decisions are enough. */
const MAX_DECISIONS = 100;

/** Executions, decisions and artifacts of a build: short lists, never cut into pages. */
@Injectable()
export class ListBuildHistory {
  constructor(
    @Inject(PostgresBuilds) private readonly builds: PostgresBuilds,
    @Inject(PostgresBuildHistory) private readonly history: PostgresBuildHistory,
  ) {}

  async executions({ tenantId, caller }: TenantScope, buildId: string): Promise<ListResponse<ExecutionResponse>> {
    await this.builds.get(tenantId, buildId);
    const executions = await this.history.executions(buildId);
    return whole(executions.map((execution) => toExecutionResponse(execution, audienceOf(caller.role))));
  }

  async decisions({ tenantId, caller }: TenantScope, buildId: string): Promise<ListResponse<StoredDecisionResponse>> {
    await this.builds.get(tenantId, buildId);
    const decisions = await this.history.decisions(buildId, MAX_DECISIONS);
    return whole(decisions.map((decision) => toStoredDecisionResponse(decision, audienceOf(caller.role))));
  }

  async artifacts(tenantId: string, buildId: string): Promise<ListResponse<ArtifactResponse>> {
    await this.builds.get(tenantId, buildId);
    return whole((await this.history.artifacts(buildId)).map(toArtifactResponse));
  }
}

function whole<T>(items: readonly T[]): ListResponse<T> {
  return { items, next_cursor: null };
}
