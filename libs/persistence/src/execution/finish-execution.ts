import {
  BUILD_METHOD_TABLE,
  canTransition,
  concludeBuild,
  EXECUTION_TRANSITIONS,
  exhaustionOf,
  tenantText,
  type BuildConclusion,
  type ExecutionState,
  type RetryDecision,
} from '@image-factory/domain';
import type { Transaction } from '../database/database.js';
import { unblockAfter } from '../queue/unblock-builds.js';
import { storableText } from '../sql/storable.js';
import type { LockedAttempt } from './lock-attempt.js';
import type { ExecutionFinish } from './owned-execution.js';
import { withdrawTags } from './promote-tags.js';
import { FINISH, GIVE_MORE } from './statements.js';

interface FinishedRow {
  readonly tenant_id: string;
  readonly slot_held: boolean;
  readonly keyed: boolean;
  readonly others_wait: boolean;
}

/** What a finish did besides the attempt itself. */
export interface Finished {
  readonly tenantId: string;
  /** A slot was freed here, not earlier. */
  readonly slotFreed: boolean;
  readonly requeued: boolean;
  /** Builds that waited for the key or for the project's room may start. */
  readonly othersWoken: boolean;
}

/** True when the method pushes an image that user tags are put on: only then there is something to promote. */
export function promotesImage(attempt: LockedAttempt): boolean {
  return BUILD_METHOD_TABLE[attempt.build_method].makesImage && attempt.image_repository !== null;
}

/** It may have won tags: a build that fails owns none (correctness rule 5). */
export function failsPublication(attempt: LockedAttempt, to: ExecutionFinish['state']): boolean {
  return attempt.state === 'promoting' && to !== 'succeeded';
}

/**
 * Ends an attempt and, by the total table, moves its build (correctness rule 12). Its lane and provider are locked when
 * their counters change or its key is freed. Undefined when the attempt is not in a state from which it may end so.
 */
export async function finishExecution(
  tx: Transaction,
  attempt: LockedAttempt,
  finish: ExecutionFinish,
): Promise<Finished | undefined> {
  const path = pathTo(attempt, finish.state);
  if (path === undefined) return undefined;
  if (attempt.build_status !== 'running' && attempt.build_status !== 'cancelling') return undefined;
  const conclusion = concludeBuild(
    finish.state,
    attempt.build_status,
    finish.retry,
    exhaustionOf(finish.decision, attempt.attempt),
    attempt.cancel_intent === 'Superseded' ? 'Superseded' : 'Cancelled',
  );
  const kept = keptDecision(finish.decision, conclusion);
  const message = storableText(finish.message);
  const [row] = await tx.query<FinishedRow>(FINISH, [
    attempt.id,
    finish.state,
    finish.reason,
    message,
    attempt.state,
    conclusion.status,
    conclusion.reason ?? finish.reason,
    buildMessage(attempt, finish.reason, kept, conclusion, message),
    conclusion.status === 'queued' ? (finish.retryAfterMs ?? null) : null,
    path.slice(0, -1),
    path.slice(1),
    attempt.actor,
    kept?.failureClass ?? null,
    kept?.decision ?? null,
    kept?.reason ?? null,
    kept === undefined ? null : storableText(kept.message),
    kept?.decision === 'retry' && kept.elsewhere,
  ]);
  if (row === undefined) return undefined;
  if (finish.more !== undefined) {
    const { resource, requestBytes, limitBytes } = finish.more;
    await tx.query(GIVE_MORE[resource], [attempt.build_id, requestBytes, limitBytes ?? null]);
  }
  const othersWoken = await wakeOthers(tx, attempt.build_id, row);
  if (failsPublication(attempt, finish.state)) await withdrawTags(tx, attempt);
  return { tenantId: row.tenant_id, slotFreed: row.slot_held, requeued: conclusion.status === 'queued', othersWoken };
}

/** What an earlier finish of the same attempt did, whose answer was lost: what may be waiting is woken once too often. */
export function finishedBefore(attempt: LockedAttempt, finish: ExecutionFinish): Finished | undefined {
  if (attempt.state !== finish.state) return undefined;
  return { tenantId: attempt.tenant_id, slotFreed: true, requeued: finish.retry, othersWoken: true };
}

/** Under the lane, which is locked already; the end of an attempt whose slot is free already still frees its key. */
async function wakeOthers(tx: Transaction, buildId: string, row: FinishedRow): Promise<boolean> {
  if (!row.keyed && !row.others_wait) return false;
  return (await unblockAfter(tx, [buildId])).length > 0;
}

/** The states that the attempt passes, its present one first; a success without an image has nothing to promote. */
function pathTo(attempt: LockedAttempt, to: ExecutionFinish['state']): ExecutionState[] | undefined {
  const from = attempt.state;
  if (from === 'sealing' && to === 'succeeded') {
    return attempt.outcome === 'succeeded' && !promotesImage(attempt)
      ? ['sealing', 'promoting', 'succeeded']
      : undefined;
  }
  if (!canTransition(EXECUTION_TRANSITIONS, from, to)) return undefined;
  if (from === 'sealing' && attempt.outcome !== to) return undefined;
  return [from, to];
}

/** A build that is being cancelled gets no other attempt, whatever the cause allows. */
function keptDecision(decision: RetryDecision | undefined, conclusion: BuildConclusion): RetryDecision | undefined {
  if (decision?.decision !== 'retry' || conclusion.status === 'queued') return decision;
  const { failureClass } = decision;
  return { decision: 'stop', failureClass, reason: 'BuildCancelled', message: 'the build was cancelled meanwhile' };
}

function buildMessage(
  attempt: LockedAttempt,
  reason: ExecutionFinish['reason'],
  decision: RetryDecision | undefined,
  conclusion: BuildConclusion,
  message: string,
): string {
  // The build's reason (of a wait: BackOff) is another one than its attempt's, which decides what a tenant may read.
  const ended = tenantText(reason, message);
  if (conclusion.status === 'queued') return `attempt ${attempt.attempt} ended with ${reason}: ${ended}`;
  if (conclusion.reason === undefined) return message;
  const why = decision === undefined ? '' : ` (${decision.message})`;
  return `attempt ${attempt.attempt} was the last${why}; it ended with ${reason}: ${ended}`;
}
