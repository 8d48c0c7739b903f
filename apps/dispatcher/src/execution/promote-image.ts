import { BUILD_METHOD_TABLE, isLeaseLost, type DomainError } from '@image-factory/domain';
import type { OwnedExecution } from '@image-factory/persistence';
import { backOffMs } from '../loop/back-off.js';
import { noteRegistryTrouble } from './decide-retry.js';
import { seekAttemptImage, type SoughtImage } from './attempt-image.js';
import { wait, type ExecutionScope, type StepResult } from './execution-scope.js';
import { finishExecution } from './finish-execution.js';
import { clearPlace } from './seal-attempt.js';
import { isOfRegistry, settleTags, settleWithoutLease } from '../promotion/settle-tags.js';

const RETRY = { baseMs: 1_000, capMs: 30_000 };
/** Refusals that a registry may take back (a token that was rotated, a proxy's error) are tried this often. */
const REFUSED_TRIES = 3;

/**
 * `promoting`: the attempt's image gets the user's tags, in the order of builds (rule 5). A row per (repository, tag) says
 * whose image it must name. It is written after the registry took the manifest, so that a build whose tags are refused
 * owns none and takes none from the build that had it before; the newest build's row wins. Whoever put a manifest then
 * settles its tags: they name what the API reports, whichever request arrives last.
 */
export async function promoteImage(scope: ExecutionScope, row: OwnedExecution): Promise<StepResult> {
  const cleared = await clearPlace(scope, row);
  if (cleared.kind !== 'cleared') return cleared;
  if (!BUILD_METHOD_TABLE[row.buildMethod].makesImage || row.imageRepository === undefined)
    return succeed(scope, row, row.tags);
  const progress: Progress = { began: false, marked: row.promotedAt !== undefined };
  let leaseLost = false;
  try {
    return await publish(scope, row, row.imageRepository, progress);
  } catch (error) {
    leaseLost = isLeaseLost(error);
    if (!isOfRegistry(error)) throw error;
    return await retryOrFail(scope, row, error, progress);
  } finally {
    // It needs no lease, and the shard must not wait for it on its way to the next owner.
    if (progress.began && (leaseLost || !scope.mayWrite())) void settleWithoutLease(scope, row);
  }
}

/** How far a round came. */
interface Progress {
  /** A manifest may have been put. */
  began: boolean;
  /** The rows say which of the tags are this build's: the registry has taken all of them. */
  marked: boolean;
}

async function publish(
  scope: ExecutionScope,
  row: OwnedExecution,
  repository: string,
  progress: Progress,
): Promise<StepResult> {
  const image = await imageOfAttempt(scope, row);
  if (image.kind === 'later') return wait(RETRY.capMs / 10);
  if (image.kind === 'absent') return fail(scope, row, 'no manifest stands under the attempt’s tag');
  const { digest } = image;
  const winners = await scope.executions.findTags(repository, row.tags);
  const taken = new Set(winners.filter((one) => one.buildOrdinal > row.buildOrdinal).map(({ tag }) => tag));
  const tags = row.tags.filter((tag) => !taken.has(tag));
  progress.began = tags.length > 0;
  const put = tags.length === 0 || (await scope.publisher.putTags(row, digest, tags, scope.mayWrite));
  if (!put || !scope.mayWrite()) return wait(500);
  const promoted = await scope.executions.markTagsPromoted(row.fence, row.executionId, digest);
  progress.marked = true;
  const [left] = await settleTags(scope, row);
  if (left !== undefined) throw left.error;
  return succeed(scope, row, promoted);
}

function imageOfAttempt(scope: ExecutionScope, row: OwnedExecution): Promise<SoughtImage> {
  if (row.imageDigest === undefined) return seekAttemptImage(scope, row);
  return Promise.resolve({ kind: 'found', digest: row.imageDigest });
}

function succeed(scope: ExecutionScope, row: OwnedExecution, promoted: readonly string[]): Promise<StepResult> {
  const lost = row.tags.filter((tag) => !promoted.includes(tag));
  const said = lost.length === 0 ? [] : [`A newer build’s image stands under ${lost.join(', ')}.`];
  return finishExecution(scope, row, {
    state: 'succeeded',
    reason: row.reason ?? 'Succeeded',
    message: [row.message ?? '', ...said].filter((text) => text !== '').join(' '),
  });
}

/**
 * A manifest that the registry took before it refused another may stand over a newer build's, which is settled at once; over
 * an older one's it stays while this one goes on, and is given back when it fails. Once the registry has taken all of its
 * tags a build fails only when one is seen to name something else.
 */
async function retryOrFail(
  scope: ExecutionScope,
  row: OwnedExecution,
  error: DomainError,
  { marked }: Progress,
): Promise<StepResult> {
  scope.memory.publishTries += 1;
  if (isRegistryTrouble(error) && scope.memory.publishTries === 1) await noteRegistryTrouble(scope, row);
  const since = row.logSealedAt ?? row.outcomeAt ?? row.claimedAt;
  const late = scope.judge.hasPassed(since, scope.limits.publishLimitMs);
  const hopeless = !error.retryable && scope.memory.publishTries >= REFUSED_TRIES;
  if (late || hopeless) {
    const unsettled = await settleTags(scope, row);
    const wrong = unsettled.some(({ winner, readsOther }) => winner.buildId === row.buildId && readsOther);
    // What is left is a newer build's tag, which is not this one's failure, or could not be looked at.
    return !marked || wrong ? fail(scope, row, error.message) : succeed(scope, row, row.tags);
  }
  await settleTags(scope, row, ({ buildOrdinal }) => buildOrdinal > row.buildOrdinal);
  const asked = Math.min((error.retryAfterSeconds ?? 0) * 1000, scope.limits.publishLimitMs);
  const waitMs = Math.max(asked, backOffMs(scope.memory.publishTries, RETRY));
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
