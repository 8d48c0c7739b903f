import { isLeaseLost, type ExecutionOutcome } from '@image-factory/domain';
import type { OwnedExecution } from '@image-factory/persistence';
import { AGAIN, afterWrite, wait, type ExecutionScope, type StepResult } from './execution-scope.js';
import { finishExecution } from './finish-execution.js';
import { contactIsBack, lossVerdict } from './judge-loss.js';

/**
 * `sealing`: the outcome stands; now the pods end (which frees the slots), the attempt's Secret goes, and the log is
 * sealed or its gap is marked. The slots never wait for the log, and the log never changes the outcome (rule 18).
 */
export async function sealAttempt(scope: ExecutionScope, row: OwnedExecution): Promise<StepResult> {
  const cleared = await clearPlace(scope, row);
  if (cleared.kind === 'leaseLost' || cleared.kind === 'again') return cleared;
  if (row.logSealedAt === undefined) return sealLog(scope, row);
  if (cleared.kind !== 'cleared') return cleared;
  return finishExecution(scope, row, {
    state: stateOf(row.outcome),
    reason: row.reason ?? 'UnknownFailure',
    message: row.message ?? '',
  });
}

type Ended = 'succeeded' | 'failed' | 'cancelled' | 'moved';

function stateOf(outcome: ExecutionOutcome | undefined): Ended {
  return outcome ?? 'failed';
}

/**
 * Credentials gone, then pods over: both before any terminal write (rules 3 and 15), and in this order. A create that is
 * still on its way can make a run that starts only while the Secret is there; so what is looked at after its deletion is
 * all that will ever run. A place that is lost for all past the deadline is not waited for; its leftovers are swept when it
 * returns.
 */
export async function clearPlace(
  scope: ExecutionScope,
  row: OwnedExecution,
): Promise<StepResult | { kind: 'cleared' }> {
  if (row.credentialsRemovedAt === undefined) {
    const removed = await removeCredentials(scope, row);
    if (removed !== 'lost') return removed;
  }
  if (row.podsOverAt !== undefined) return { kind: 'cleared' };
  const pods = await lookAtPods(scope, row);
  if (pods !== 'over' && pods !== 'presumedOver') return pods;
  // Once its pods count as over nobody looks again: the gap of a run that nobody followed is stored before.
  if (scope.memory.sawLateRun && row.logSealedAt === undefined) return wait(500);
  return afterWrite(
    await scope.executions.markPodsOver(row.fence, row.executionId, { presumed: pods === 'presumedOver' }),
  );
}

async function removeCredentials(scope: ExecutionScope, row: OwnedExecution): Promise<'lost' | StepResult> {
  try {
    await scope.follower.removeCredentials(row, scope.mayWrite);
  } catch (error) {
    // Our lease ended while it waited for its turn, which says nothing of the cluster.
    if (isLeaseLost(error)) return wait(500);
    const verdict = await withCredentials(scope, row);
    if (verdict !== 'lost') {
      scope.logger.warn('the attempt’s credentials cannot be removed yet', { execution: row.executionId, error });
    }
    return verdict;
  }
  if (!scope.mayWrite()) return wait(500);
  return afterWrite(await scope.executions.markCredentialsRemoved(row.fence, row.executionId));
}

/**
 * The Secret does not go. A place that is in sight and refuses it (a webhook, a permission that was taken away) holds up
 * the attempt's end, but not its slot: its run stands there by its name, so that no create can make another one.
 */
async function withCredentials(scope: ExecutionScope, row: OwnedExecution): Promise<'lost' | StepResult> {
  const seen = await scope.follower.observe(row);
  if (seen.kind === 'unreachable') return lossVerdict(scope, row);
  const leaseLost = await contactIsBack(scope, row);
  if (leaseLost !== undefined) return leaseLost;
  if (seen.kind === 'absent' || !seen.podsProvedOver || row.uid === undefined || row.podsOverAt !== undefined) {
    return wait(scope.limits.lookAgainMs);
  }
  return afterWrite(await scope.executions.markPodsOver(row.fence, row.executionId, { presumed: false }));
}

/** `presumedOver`: nothing of it is seen to run, and nothing proves that it does not (rule 5). */
async function lookAtPods(scope: ExecutionScope, row: OwnedExecution): Promise<'over' | 'presumedOver' | StepResult> {
  const seen = await scope.follower.observe(row);
  if (seen.kind === 'unreachable') {
    const verdict = await lossVerdict(scope, row);
    return verdict === 'lost' ? 'presumedOver' : verdict;
  }
  const leaseLost = await contactIsBack(scope, row);
  if (leaseLost !== undefined) return leaseLost;
  // It was made while its attempt was given up, and nobody has followed it.
  if (seen.kind === 'present' && row.uid === undefined) scope.memory.sawLateRun = true;
  if (seen.kind === 'absent') return row.uid === undefined && !scope.memory.sawLateRun ? 'over' : 'presumedOver';
  if (seen.podsOver) return seen.podsProvedOver ? 'over' : 'presumedOver';
  if (!overGrace(scope, row)) return wait(500);
  await scope.follower.remove(row, scope.mayWrite);
  return wait(1_000);
}

/** Leftover pods are removed by uid, but not before their log is sealed. */
function overGrace(scope: ExecutionScope, row: OwnedExecution): boolean {
  return (
    row.logSealedAt !== undefined &&
    row.outcomeAt !== undefined &&
    scope.judge.hasPassed(row.outcomeAt, scope.limits.podGraceMs)
  );
}

/** The end line comes when every step is read; past the deadline what is missing becomes a gap, stored or only said. */
async function sealLog(scope: ExecutionScope, row: OwnedExecution): Promise<StepResult> {
  const since = row.outcomeAt ?? row.claimedAt;
  const late = scope.judge.hasPassed(since, scope.limits.sealLimitMs);
  const whole = row.uid === undefined || scope.journal.isFollowed;
  if (!whole && !late) {
    scope.journal.follow(row, scope.follower);
    return wait(Math.min(scope.limits.lookAgainMs, scope.judge.remainingMs(since, scope.limits.sealLimitMs) + 200));
  }
  const unread = scope.memory.sawLateRun
    ? 'a run was made after the attempt had ended; its log was not read'
    : undefined;
  const missing = whole ? unread : await scope.journal.markGap(row);
  const ended = await scope.journal.writeEnd(row);
  if (!ended && !late) return wait(500);
  const gap = missing ?? (ended ? undefined : 'the log store took nothing more before the seal limit');
  const fenced = await scope.executions.markSealed(row.fence, row.executionId, gap === undefined ? {} : { gap });
  if (gap !== undefined) scope.metrics.count('logGaps');
  return fenced === 'done' ? AGAIN : afterWrite(fenced);
}
