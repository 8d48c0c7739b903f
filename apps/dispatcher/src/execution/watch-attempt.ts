import {
  failureClassOf,
  mayBeRepeated,
  type AttemptEnd,
  type PresentAttempt,
  type StopIntent,
} from '@image-factory/domain';
import type { OwnedExecution } from '@image-factory/persistence';
import { endAgainstItsRun, endByAttemptTag, endOfStopped, endWithoutRun } from './attempt-end.js';
import { seekAttemptImage } from './attempt-image.js';
import { isDrainDue } from './drain-due.js';
import { AGAIN, afterWrite, wait, type ExecutionScope, type StepResult } from './execution-scope.js';
import { fixEnd } from './fix-outcome.js';
import { countRunMs, judgeClocks } from './judge-clocks.js';
import { contactIsBack, judgeLoss } from './judge-loss.js';

const REPEAT_STOP_MS = 10_000;
const ENDING_MS = 500;
/** Between two questions to a registry that cannot be asked. */
const IMAGE_MS = 2_000;

/** `starting` and `running`: follows the run's log, its waits and its clocks, stops it when told, and takes its end. */
export async function watchAttempt(scope: ExecutionScope, row: OwnedExecution): Promise<StepResult> {
  scope.journal.follow(row, scope.follower);
  const seen = await scope.follower.observe(row);
  if (seen.kind === 'unreachable') return judgeLoss(scope, row);
  const leaseLost = await contactIsBack(scope, row);
  if (leaseLost !== undefined) return leaseLost;
  return seen.kind === 'absent' ? settleAbsent(scope, row) : followPresent(scope, row, seen);
}

async function followPresent(scope: ExecutionScope, row: OwnedExecution, seen: PresentAttempt): Promise<StepResult> {
  if (seen.phase === 'ended') return seen.end === undefined ? wait(ENDING_MS) : takeEnd(scope, row, seen, seen.end);
  if (row.state === 'starting' && seen.firstStepStartedAt !== undefined) {
    const { firstStepStartedAt } = seen;
    return afterWrite(await scope.executions.markRunning(row.fence, row.executionId, { firstStepStartedAt }));
  }
  if (row.waitingReason !== seen.waiting?.reason || row.waitingMessage !== seen.waiting?.message) {
    const runSeconds = countRunMs(seen, row, scope.judge.databaseNowMs()) / 1000;
    const fenced = await scope.executions.setWaiting(row.fence, row.executionId, seen.waiting, runSeconds);
    if (fenced === 'lease-lost') return { kind: 'leaseLost' };
  }
  return stopWhenDue(scope, row, seen);
}

/**
 * An end that may lead to another attempt, of a build that nobody cancels, is one only when nothing of this one runs any
 * more (rule 15) and it has pushed nothing (rule 5). Pods that do not end are waited for only so long; a registry whose
 * trouble ended the attempt is asked once, not waited for.
 */
async function takeEnd(
  scope: ExecutionScope,
  row: OwnedExecution,
  seen: PresentAttempt,
  told: AttemptEnd,
): Promise<StepResult> {
  const end = byRunLimit(row, seen, told);
  const isRepeated = end.outcome === 'moved' || (end.outcome === 'failed' && mayBeRepeated(end, scope.retry.limits));
  if (!isRepeated || row.buildStatus === 'cancelling') return fixEnd(scope, row, end, seen);
  if (!seen.podsOver && !podGraceOver(scope)) return wait(ENDING_MS);
  const ofRegistry = failureClassOf(end.reason, end.fault) === 'registry';
  const image = await seekAttemptImage(scope, row, ofRegistry ? 0 : undefined);
  if (image.kind === 'later') return wait(IMAGE_MS);
  return fixEnd(scope, row, image.kind === 'found' ? endAgainstItsRun(end, image.digest) : end, seen);
}

/** The place's own limit is the backstop of ours: what ran past ours while nobody could look would do so again. */
function byRunLimit(row: OwnedExecution, seen: PresentAttempt, end: AttemptEnd): AttemptEnd {
  if (end.reason !== 'PipelineRunTimeout' || seen.runSeconds < row.buildTimeoutMinutes * 60) return end;
  const { reason, message, fault } = endOfStopped('RunLimit', 'and was ended by its cluster’s own limit');
  return { ...end, reason, message, fault };
}

/** Counted from when this process saw the end: the run's own time of it is its cluster's, whose clock may be behind. */
function podGraceOver({ memory, monotonicMs, limits }: ExecutionScope): boolean {
  memory.endSeenMs ??= monotonicMs();
  return monotonicMs() - memory.endSeenMs >= limits.podGraceMs;
}

/** The intent is committed before the place is told, so that an adopter reads the end right (rule 11). */
async function stopWhenDue(scope: ExecutionScope, row: OwnedExecution, seen: PresentAttempt): Promise<StepResult> {
  if (row.stopIntent !== undefined) return stop(scope, row, row.stopIntent);
  const due = dueIntent(scope, row, seen);
  if (typeof due === 'number') return wait(Math.min(due, scope.limits.lookAgainMs));
  const fenced = await scope.executions.setStopIntent(row.fence, row.executionId, due);
  scope.logger.info('execution is to be stopped', { build: row.buildId, execution: row.executionId, intent: due });
  return fenced === 'lease-lost' ? afterWrite(fenced) : AGAIN;
}

function dueIntent(scope: ExecutionScope, row: OwnedExecution, seen: PresentAttempt): StopIntent | number {
  if (isDrainDue(scope, row)) return 'Drain';
  const nowMs = scope.judge.databaseNowMs();
  if (seen.phase === 'running' && seen.waitingSince === undefined) scope.memory.ranAtMs = nowMs;
  const verdict = judgeClocks(seen, {
    nowMs,
    waitsFromMs: scope.memory.ranAtMs ?? (row.createdAt ?? row.claimedAt).getTime(),
    startLimitMs: row.startLimitMinutes * 60_000,
    runLimitMs: row.buildTimeoutMinutes * 60_000,
    runMs: countRunMs(seen, row, nowMs),
  });
  if (verdict.kind === 'running') return verdict.remainingMs;
  return scope.judge.isSettled() ? verdict.intent : 1_000;
}

async function stop(scope: ExecutionScope, row: OwnedExecution, intent: StopIntent): Promise<StepResult> {
  const now = scope.monotonicMs();
  const last = scope.memory.lastStopMs;
  if (last === undefined || now - last >= REPEAT_STOP_MS) {
    await scope.follower.stop(row, intent, scope.mayWrite);
    scope.memory.lastStopMs = now;
    if (last === undefined) scope.metrics.count('cancels');
  }
  return wait(last === undefined ? ENDING_MS : Math.min(REPEAT_STOP_MS, scope.limits.lookAgainMs));
}

/**
 * The run is gone and its last object was not seen. Its image may still stand under the attempt tag, and then that is
 * the outcome (rule 15); else our own intent decides, else somebody deleted it.
 */
async function settleAbsent(scope: ExecutionScope, row: OwnedExecution): Promise<StepResult> {
  const image = await seekAttemptImage(scope, row);
  if (image.kind === 'found') return fixEnd(scope, row, endByAttemptTag(image.digest));
  if (row.stopIntent !== undefined) return fixEnd(scope, row, endOfStopped(row.stopIntent, 'and its run is gone'));
  if (image.kind === 'later') return wait(IMAGE_MS);
  const message = 'the PipelineRun was deleted by somebody else before it ended; submit the build again';
  return fixEnd(scope, row, endWithoutRun('failed', 'PipelineRunDeleted', message, 'cluster'));
}
