import type { AttemptEnd, PresentAttempt } from '@image-factory/domain';
import type { OwnedExecution } from '@image-factory/persistence';
import { afterWrite, type ExecutionScope, type StepResult } from './execution-scope.js';

/**
 * Commits the immutable outcome of an attempt before anything else follows from it (rule 18): from here on no clock,
 * no loss and no cancel changes what it was.
 */
export async function fixEnd(
  scope: ExecutionScope,
  row: OwnedExecution,
  end: AttemptEnd,
  seen?: PresentAttempt,
): Promise<StepResult> {
  const nowMs = scope.judge.databaseNowMs();
  const endedAt = seen?.endedAt ?? new Date(nowMs);
  const firstStepStartedAt = seen?.firstStepStartedAt ?? row.firstStepStartedAt;
  const fenced = await scope.executions.fixOutcome(row.fence, row.executionId, {
    ...end,
    runSeconds: seen?.runSeconds ?? row.runSeconds,
    startSeconds: startSeconds(row, firstStepStartedAt, endedAt),
    ...(firstStepStartedAt === undefined ? {} : { firstStepStartedAt }),
    endedAt,
  });
  if (fenced === 'done') {
    if (seen?.endedAt !== undefined) scope.metrics.recordSeconds('statusLag', (nowMs - seen.endedAt.getTime()) / 1000);
    scope.logger.info('outcome fixed', {
      build: row.buildId,
      execution: row.executionId,
      outcome: end.outcome,
      reason: end.reason,
    });
  }
  return afterWrite(fenced);
}

function startSeconds(row: OwnedExecution, firstStepStartedAt: Date | undefined, endedAt: Date): number {
  if (row.createdAt === undefined) return 0;
  return Math.max(0, ((firstStepStartedAt ?? endedAt).getTime() - row.createdAt.getTime()) / 1000);
}
