import type { Reason, RetryDecision } from '@image-factory/domain';
import type { OwnedExecution } from '@image-factory/persistence';
import { retryAfter } from './decide-retry.js';
import { afterWrite, type ExecutionScope, type StepResult } from './execution-scope.js';
import { recordClocks } from './record-clocks.js';

/** How an execution ends for good. */
export interface Ending {
  readonly state: 'succeeded' | 'failed' | 'cancelled' | 'moved' | 'lost';
  readonly reason: Reason;
  readonly message: string;
  /** It was repeated in place until its own limit: there is no other attempt. */
  readonly ownRetriesUsed?: boolean;
}

/**
 * The terminal write: one transaction decides execution and build together by attempt end × build status (rule 12).
 * Whether there is another attempt is decided before it, from rows that nobody else changes: those of ended attempts.
 */
export async function finishExecution(scope: ExecutionScope, row: OwnedExecution, ending: Ending): Promise<StepResult> {
  const { ownRetriesUsed = false, ...finish } = ending;
  const { state, reason } = ending;
  const judged = state === 'succeeded' ? undefined : await retryAfter(scope, row, { state, reason, ownRetriesUsed });
  const { decision, more } = judged ?? {};
  const again = decision?.decision === 'retry';
  if (!scope.mayWrite()) return { kind: 'wait', ms: 500 };
  const fenced = await scope.executions.finish(row.fence, row.executionId, {
    ...finish,
    retry: again,
    ...(decision === undefined ? {} : { decision }),
    ...(again ? { retryAfterMs: decision.delayMs } : {}),
    ...(more === undefined ? {} : { more }),
  });
  if (fenced === 'done') noteEnd(scope, row, ending, decision);
  if (fenced === 'done' && state === 'succeeded' && row.attempt > 1) {
    await scope.retry.retries.learnFrom(row.projectId, row.buildId);
  }
  return afterWrite(fenced);
}

function noteEnd(
  scope: ExecutionScope,
  row: OwnedExecution,
  ending: Ending,
  decision: RetryDecision | undefined,
): void {
  scope.metrics.count('executionEnds', 1, { state: ending.state, reason: ending.reason });
  if (decision !== undefined) {
    scope.metrics.count('retryDecisions', 1, { class: decision.failureClass, decision: decision.decision });
    if (decision.decision === 'retry') scope.metrics.count('requeues');
  }
  if (decision?.decision !== 'retry') {
    const seconds = (scope.judge.databaseNowMs() - row.submittedAt.getTime()) / 1000;
    scope.metrics.recordSeconds('buildDuration', seconds, { state: ending.state, method: row.buildMethod });
  }
  recordClocks(scope, row, ending.reason);
  scope.logger.info('execution finished', {
    build: row.buildId,
    execution: row.executionId,
    attempt: row.attempt,
    state: ending.state,
    reason: ending.reason,
    retry: decision?.reason ?? 'none',
  });
}
