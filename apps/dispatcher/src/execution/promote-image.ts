import { BUILD_METHOD_TABLE, isDomainError, type DomainError } from '@image-factory/domain';
import type { OwnedExecution } from '@image-factory/persistence';
import { backOffMs } from '../loop/back-off.js';
import { noteRegistryTrouble } from './decide-retry.js';
import { seekAttemptImage, type SoughtImage } from './attempt-image.js';
import { wait, type ExecutionScope, type StepResult } from './execution-scope.js';
import { finishExecution } from './finish-execution.js';
import { clearPlace } from './seal-attempt.js';

const RETRY = { baseMs: 1_000, capMs: 30_000 };
/** Refusals that a registry may take back (a token that was rotated, a proxy's error) are tried this often. */
const REFUSED_TRIES = 3;

/**
 * `promoting`: the attempt's image gets the user's tags, in the order of builds (rule 5). The order is a row per
 * (repository, tag): a newer build's row wins, and whoever put a manifest last looks at the row again and puts the
 * winner's, so a tag names what the API reports whichever request arrives last.
 */
export async function promoteImage(scope: ExecutionScope, row: OwnedExecution): Promise<StepResult> {
  const cleared = await clearPlace(scope, row);
  if (cleared.kind !== 'cleared') return cleared;
  if (!BUILD_METHOD_TABLE[row.buildMethod].makesImage || row.imageRepository === undefined)
    return succeed(scope, row, []);
  try {
    return await publish(scope, row);
  } catch (error) {
    if (!isDomainError(error) || error.reason === 'LeaseLost' || error.reason === 'DatabaseUnavailable') throw error;
    return retryOrFail(scope, row, error);
  }
}

async function publish(scope: ExecutionScope, row: OwnedExecution): Promise<StepResult> {
  const image = await imageOfAttempt(scope, row);
  if (image.kind === 'later') return wait(RETRY.capMs / 10);
  if (image.kind === 'absent') return fail(scope, row, 'no manifest stands under the attempt’s tag');
  const { digest } = image;
  const { tags } = row;
  const reserved = await scope.executions.reserveTags(row.fence, row.executionId, { tags, digest });
  if (!scope.mayWrite()) return wait(500);
  if (reserved.granted.length > 0) await scope.publisher.putTags(row, digest, reserved.granted);
  const promoted = await scope.executions.markTagsPromoted(row.fence, row.executionId, tags);
  for (const { tag, digest: winner } of promoted.superseded) await restoreWinner(scope, row, tag, winner);
  return succeed(scope, row, promoted.promoted);
}

/**
 * Our manifest may have landed after a newer build's: its digest goes back under the tag. An earlier round's put, whose
 * answer was lost, may have been for a tag that this round was not granted any more: every tag of the build is looked at.
 */
async function restoreWinner(scope: ExecutionScope, row: OwnedExecution, tag: string, winner: string): Promise<void> {
  if ((await scope.publisher.digestOf(row, tag)) === winner) return;
  await scope.publisher.putTags(row, winner, [tag]);
}

function imageOfAttempt(scope: ExecutionScope, row: OwnedExecution): Promise<SoughtImage> {
  if (row.imageDigest === undefined) return seekAttemptImage(scope, row);
  return Promise.resolve({ kind: 'found', digest: row.imageDigest });
}

async function succeed(
  scope: ExecutionScope,
  row: OwnedExecution,
  promotedTags: readonly string[],
): Promise<StepResult> {
  return finishExecution(scope, row, {
    state: 'succeeded',
    reason: row.reason ?? 'Succeeded',
    message: row.message ?? '',
    promotedTags,
  });
}

async function retryOrFail(scope: ExecutionScope, row: OwnedExecution, error: DomainError): Promise<StepResult> {
  scope.memory.publishTries += 1;
  if (isRegistryTrouble(error) && scope.memory.publishTries === 1) await noteRegistryTrouble(scope, row);
  const since = row.logSealedAt ?? row.outcomeAt ?? row.claimedAt;
  const late = scope.judge.hasPassed(since, scope.limits.publishLimitMs);
  const hopeless = !error.retryable && scope.memory.publishTries >= REFUSED_TRIES;
  if (late || hopeless) return fail(scope, row, error.message);
  const waitMs = Math.max((error.retryAfterSeconds ?? 0) * 1000, backOffMs(scope.memory.publishTries, RETRY));
  scope.logger.warn('publication must be repeated', { execution: row.executionId, error, waitMs });
  return wait(waitMs);
}

/** It answered 5xx or 429, or not at all: what other builds may be meeting too. */
function isRegistryTrouble(error: DomainError): boolean {
  return error.retryable && error.reason === 'RegistryUnavailable';
}

function fail(scope: ExecutionScope, row: OwnedExecution, why: string): Promise<StepResult> {
  return finishExecution(scope, row, {
    state: 'failed',
    reason: 'PublishFailed',
    message: `the image was built and pushed to its attempt tag, but its tags could not be put: ${why}`,
    ownRetriesUsed: true,
  });
}
