import { retryDelayMs, type Reason } from '@image-factory/domain';
import type { OwnedExecution } from '@image-factory/persistence';
import { afterWrite, type ExecutionScope, type StepResult } from './execution-scope.js';

/** How an execution ends for good. */
export interface Ending {
  readonly state: 'succeeded' | 'failed' | 'cancelled' | 'moved' | 'lost';
  readonly reason: Reason;
  readonly message: string;
  /** The build goes back to the queue for another attempt, unless its status says otherwise. */
  readonly retry: boolean;
  readonly promotedTags?: readonly string[];
}

/** The terminal write: one transaction decides execution and build together by attempt end × build status (rule 12). */
export async function finishExecution(scope: ExecutionScope, row: OwnedExecution, ending: Ending): Promise<StepResult> {
  const fenced = await scope.executions.finish(row.fence, row.executionId, {
    ...ending,
    ...(ending.retry ? { retryAfterMs: retryDelayMs(row.attempt, Math.random()) } : {}),
  });
  if (fenced === 'done') {
    scope.metrics.count('executionEnds', 1, { state: ending.state, reason: ending.reason });
    if (ending.retry) scope.metrics.count('requeues');
    scope.logger.info('execution finished', {
      build: row.buildId,
      execution: row.executionId,
      attempt: row.attempt,
      state: ending.state,
      reason: ending.reason,
      retry: ending.retry,
    });
  }
  return afterWrite(fenced);
}
