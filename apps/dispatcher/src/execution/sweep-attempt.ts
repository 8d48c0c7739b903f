import { isDomainError } from '@image-factory/domain';
import type { OwnedExecution } from '@image-factory/persistence';
import { afterWrite, wait, type ExecutionScope, type StepResult } from './execution-scope.js';

/**
 * A finished execution: its run leaves the cluster once the terminal commit is older than the retention, which is also
 * the lag that lets the commit become durable first (rule 4). Its Secret, when it is still there, goes at once (rule 3). A
 * run of a lost cluster is removed when it returns. A provider that leads to another cluster now has nothing of it; should
 * it lead back, `SweepRuns` finds what was left and opens the row again.
 */
export async function sweepAttempt(scope: ExecutionScope, row: OwnedExecution): Promise<StepResult> {
  if (row.credentialsRemovedAt === undefined) {
    try {
      await scope.follower.removeCredentials(row, scope.mayWrite, 'sweep');
    } catch (error) {
      if (!isDomainError(error) || error.reason !== 'ProviderChanged') throw error;
    }
    if (!scope.mayWrite()) return wait(500);
    const fenced = await scope.executions.markCredentialsRemoved(row.fence, row.executionId);
    if (fenced !== 'done') return afterWrite(fenced);
  }
  const finishedAt = row.finishedAt ?? row.claimedAt;
  const { runRetentionMs } = scope.limits;
  if (runRetentionMs > 0 && !scope.judge.hasPassed(finishedAt, runRetentionMs)) {
    return wait(Math.min(Math.max(scope.judge.remainingMs(finishedAt, runRetentionMs), 1_000), 3_600_000));
  }
  await scope.follower.remove(row, scope.mayWrite, 'sweep');
  if (!scope.mayWrite()) return wait(500);
  const fenced = await scope.executions.markSwept(row.fence, row.executionId);
  return fenced === 'done' ? { kind: 'forget' } : afterWrite(fenced);
}
