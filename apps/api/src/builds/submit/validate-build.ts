import { Inject, Injectable } from '@nestjs/common';
import {
  boundedDecision,
  chooseProvider,
  Clock,
  type PlacementDecision,
  queueKey,
  seenByTenant,
} from '@image-factory/domain';
import { PostgresQueueView } from '@image-factory/persistence';
import { audienceOf } from '../../access/audience.js';
import { toDecisionResponse } from '../history/placement.response.js';
import { placementRequestOf } from '../../placements/placement-request.js';
import type { TenantScope } from '../../http/request-scope.js';
import { type CheckedSubmission, CheckSubmission } from './check-submission.js';
import { previewPipelineRun } from './preview-pipeline-run.js';
import { ValidateBuildResponse } from './validate-build.response.js';

type Ready = Extract<CheckedSubmission, { kind: 'ready' }>;

/** Answers what a submission would do: the rules, the placement as of now, the position, the rendered run. */
@Injectable()
export class ValidateBuild {
  constructor(
    @Inject(CheckSubmission) private readonly checker: CheckSubmission,
    @Inject(PostgresQueueView) private readonly queue: PostgresQueueView,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  async execute({ tenantId, caller }: TenantScope, body: unknown): Promise<ValidateBuildResponse> {
    const checked = await this.checker.check(tenantId, body);
    if (checked.kind === 'refused') {
      const errors = checked.issues.map(({ path, message }) => ({ path, message }));
      return { valid: false, errors, placement: null, queue: null, pipeline_run: null };
    }
    const decision = decide(checked);
    const key = queueKey(this.clock.now().getTime(), checked.build.priority);
    const { position } = await this.queue.position({ tenantId, queueKey: key });
    return {
      valid: true,
      errors: [],
      placement: toDecisionResponse(decision, audienceOf(caller.role)),
      queue: { position },
      pipeline_run: preview(checked, decision),
    };
  }
}

function decide({ build, facts }: Ready): PlacementDecision {
  return boundedDecision(chooseProvider(placementRequestOf(build), facts));
}

/** Local builds have none; a kubernetes build that finds no provider now is rendered for the first it might find. */
function preview({ build, facts }: Ready, decision: PlacementDecision): unknown {
  if (build.infrastructureType !== 'kubernetes') return null;
  const providerId = decision.chosen?.providerId ?? seenByTenant(decision).rejected[0]?.providerId;
  const provider = facts.providers.find((candidate) => candidate.id === providerId);
  return provider === undefined ? null : previewPipelineRun(build, provider);
}
