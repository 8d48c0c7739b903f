import type { OwnedExecution } from '@image-factory/persistence';
import { endByAttemptTag } from './attempt-end.js';
import { seekAttemptImage } from './attempt-image.js';
import { afterWrite, wait, type ExecutionScope, type StepResult } from './execution-scope.js';
import { finishExecution } from './finish-execution.js';
import { fixEnd } from './fix-outcome.js';

/**
 * The place cannot be seen. The first loss is stored and kept; past the deadline the attempt is `lost` only when every
 * live dispatcher has failed to reach the provider (rule 7) and no image stands under the attempt tag (rule 5). Until
 * then it keeps its state, and on return it goes on where it was.
 */
export async function judgeLoss(scope: ExecutionScope, row: OwnedExecution): Promise<StepResult> {
  const verdict = await lossVerdict(scope, row);
  if (verdict !== 'lost') return verdict;
  const image = await seekAttemptImage(scope, row);
  if (image.kind === 'found') return fixEnd(scope, row, endByAttemptTag(image.digest));
  if (image.kind === 'later') return wait(scope.limits.lookAgainMs);
  return finishExecution(scope, row, {
    state: 'lost',
    reason: 'ClusterLost',
    message:
      'its cluster could not be reached by any dispatcher until the loss deadline; what still runs there can only push ' +
      'to the attempt’s own tag',
  });
}

/** The place was seen again: a later loss is another one. Says what to do instead when the shard is lost. */
export async function contactIsBack(scope: ExecutionScope, row: OwnedExecution): Promise<StepResult | undefined> {
  if (row.firstLossAt === undefined) return undefined;
  const fenced = await scope.executions.markLoss(row.fence, row.executionId, false);
  return fenced === 'lease-lost' ? { kind: 'leaseLost' } : undefined;
}

/** `lost` when the deadline has passed and all agree; else what to do meanwhile. */
export async function lossVerdict(scope: ExecutionScope, row: OwnedExecution): Promise<'lost' | StepResult> {
  if (row.firstLossAt === undefined) {
    const fenced = await scope.executions.markLoss(row.fence, row.executionId, true);
    return fenced === 'done' ? wait(scope.limits.lookAgainMs) : afterWrite(fenced);
  }
  const remainingMs = scope.judge.remainingMs(row.firstLossAt, scope.limits.lossLimitMs);
  if (!scope.judge.hasPassed(row.firstLossAt, scope.limits.lossLimitMs)) {
    return wait(Math.min(Math.max(remainingMs, 200), scope.limits.lookAgainMs));
  }
  return (await scope.isLostForAll()) ? 'lost' : wait(scope.limits.lookAgainMs);
}
