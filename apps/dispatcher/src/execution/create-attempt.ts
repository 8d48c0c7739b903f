import { isDomainError, type CreateOutcome, type DomainError, type StopIntent } from '@image-factory/domain';
import type { OwnedExecution } from '@image-factory/persistence';
import { backOffMs } from '../loop/back-off.js';
import { endBeforeCreate, endOfStopped } from './attempt-end.js';
import { isDrainDue } from './drain-due.js';
import { AGAIN, afterWrite, wait, type ExecutionScope, type StepResult } from './execution-scope.js';
import { fixEnd } from './fix-outcome.js';
import { judgeLoss } from './judge-loss.js';

const RETRY = { baseMs: 500, capMs: 15_000 };
/** For the watch to show a run that was just made, instead of reading it from an API server that is busy with creates. */
const SHOWN_MS = 250;

/**
 * `creating`: ensures every object of the attempt from the stored document. An adopter runs the whole list again under
 * the same names, so it is never made twice. Nobody is told "starting" before all of it is there (rule 10).
 */
export async function createAttempt(scope: ExecutionScope, row: OwnedExecution): Promise<StepResult> {
  const intent = row.stopIntent ?? (isDrainDue(scope, row) ? 'Drain' : undefined);
  if (intent !== undefined) return stopBeforeCreate(scope, row, intent);
  if (row.createUnknownSince !== undefined && budgetOver(scope, row)) return unanswered(scope, row);
  scope.journal.writePlace(row);
  const credentials = await openCredentials(scope, row);
  if (credentials.kind === 'missing') return settleByLook(scope, row, credentials.refusal);
  const outcome = await scope.follower.create(row, credentials.opened, scope.mayWrite);
  switch (outcome.kind) {
    case 'created':
    case 'adopted':
      return started(scope, row, outcome);
    case 'notAllowed':
      return wait(1_000);
    case 'unknown':
      return again(scope, row, outcome, await scope.executions.markCreateUnknown(row.fence, row.executionId));
    case 'retryLater':
      return later(scope, row, outcome);
    case 'refused':
      return settleByLook(scope, row, outcome);
  }
}

type Refusal = Extract<CreateOutcome, { kind: 'refused' }>;
type Later = Extract<CreateOutcome, { kind: 'retryLater' | 'unknown' }>;

async function started(
  scope: ExecutionScope,
  row: OwnedExecution,
  outcome: { kind: 'created' | 'adopted'; uid: string },
): Promise<StepResult> {
  const fenced = await scope.executions.markStarting(row.fence, row.executionId, { uid: outcome.uid });
  if (fenced === 'done') {
    scope.metrics.count('dispatches');
    scope.metrics.recordSeconds('createDuration', (scope.judge.databaseNowMs() - row.claimedAt.getTime()) / 1000);
    scope.logger.info('run created', { execution: row.executionId, run: row.name, outcome: outcome.kind });
  }
  return fenced === 'done' ? wait(SHOWN_MS) : afterWrite(fenced);
}

async function openCredentials(scope: ExecutionScope, row: OwnedExecution) {
  try {
    return { kind: 'opened', opened: await scope.credentials.openForExecution(row) } as const;
  } catch (error) {
    if (!isDomainError(error) || error.retryable || error.kind === 'Unavailable') throw error;
    return { kind: 'missing', refusal: refusalOf(error) } as const;
  }
}

function refusalOf(error: DomainError): Refusal {
  const fault = error.kind === 'NotFound' ? 'user' : 'platform';
  return {
    kind: 'refused',
    reason: error.reason,
    message: `its credentials cannot be opened: ${error.message}`,
    fault,
  };
}

/** Certainly not created, and it may be later: in place, under the placement budget, then another attempt elsewhere. */
async function later(scope: ExecutionScope, row: OwnedExecution, outcome: Later): Promise<StepResult> {
  if (row.createUnknownSince !== undefined) return settleByLook(scope, row, { ...outcome, fault: 'cluster' });
  if (!budgetOver(scope, row)) return again(scope, row, outcome, 'done');
  const message = `not created within the placement budget; the last answer was ${outcome.reason}: ${outcome.message}`;
  return settleByLook(scope, row, { reason: outcome.reason, message, fault: 'cluster' });
}

/** No create was answered within the placement budget: no other one is sent, so that the last one's deadline can pass. */
function unanswered(scope: ExecutionScope, row: OwnedExecution): Promise<StepResult> {
  const message = `no create was answered within the placement budget; ${row.waitingMessage ?? 'its answers were lost'}`;
  return settleByLook(scope, row, { reason: row.waitingReason ?? 'ClusterUnavailable', message, fault: 'cluster' });
}

function budgetOver(scope: ExecutionScope, row: OwnedExecution): boolean {
  return scope.judge.hasPassed(row.placedAt, scope.limits.placementBudgetMs);
}

async function again(
  scope: ExecutionScope,
  row: OwnedExecution,
  outcome: Later,
  fenced: 'done' | 'lease-lost' | 'state-moved',
): Promise<StepResult> {
  if (fenced !== 'done') return afterWrite(fenced);
  const waitMs = Math.max(outcome.retryAfterMs ?? 0, backOffMs(scope.memory.createTries, RETRY));
  scope.memory.createTries += 1;
  await scope.executions.setWaiting(row.fence, row.executionId, { reason: outcome.reason, message: outcome.message });
  scope.logger.warn('create must be repeated', { execution: row.executionId, ...outcome, waitMs });
  return wait(waitMs);
}

type Cause = Pick<Refusal, 'reason' | 'message' | 'fault'>;

/**
 * A refusal settles the name only when no earlier create has landed or may still land (rule 14): a find, or absence
 * after the request deadline, and nothing else. The earlier one may be a dead owner's that left no mark in the row.
 */
async function settleByLook(scope: ExecutionScope, row: OwnedExecution, cause: Cause): Promise<StepResult> {
  const seen = await scope.follower.observe(row);
  if (seen.kind === 'present') {
    return afterWrite(await scope.executions.markStarting(row.fence, row.executionId, { uid: seen.uid }));
  }
  if (seen.kind === 'unreachable') return judgeLoss(scope, row);
  if (!deadlineOver(scope, row)) return wait(backOffMs(scope.memory.createTries++, RETRY));
  return fixEnd(scope, row, endBeforeCreate(cause, scope.retry.limits));
}

function deadlineOver(scope: ExecutionScope, row: OwnedExecution): boolean {
  return (
    row.createUnknownSince === undefined ||
    scope.judge.hasPassed(row.createUnknownSince, scope.limits.requestDeadlineMs)
  );
}

/** A stop came first: nothing is created, but what may have been created already is looked for. */
async function stopBeforeCreate(scope: ExecutionScope, row: OwnedExecution, intent: StopIntent): Promise<StepResult> {
  if (row.stopIntent === undefined) {
    const fenced = await scope.executions.setStopIntent(row.fence, row.executionId, intent);
    return fenced === 'lease-lost' ? afterWrite(fenced) : AGAIN;
  }
  const seen = await scope.follower.observe(row);
  if (seen.kind === 'present') {
    return afterWrite(await scope.executions.markStarting(row.fence, row.executionId, { uid: seen.uid }));
  }
  if (seen.kind === 'unreachable') return judgeLoss(scope, row);
  if (!deadlineOver(scope, row)) return wait(1_000);
  return fixEnd(scope, row, endOfStopped(intent, 'before anything was created'));
}
