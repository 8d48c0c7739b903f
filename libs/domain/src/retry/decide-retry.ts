import type { AttemptEndState } from '../build/build-conclusion.js';
import { BUILD_METHOD_TABLE, type BuildMethod } from '../build/build-method.js';
import type { Fault } from '../errors/domain-error.js';
import type { Reason } from '../errors/reasons.js';
import { failureClassOf, type FailureClass } from './failure-class.js';
import { retryDelayMs, type RetryLimits, type RetryPolicy } from './retry-policy.js';

/** An attempt that ended without its build. */
export interface EndedAttempt {
  readonly end: Exclude<AttemptEndState, 'succeeded'>;
  readonly reason: Reason;
  readonly fault: Fault;
  /** 1 for the first. */
  readonly attempt: number;
  readonly buildMethod: BuildMethod;
  /** Nothing of it runs any more, by the word of where it ran (correctness rule 15); false: it was lost from sight. */
  readonly provedOver: boolean;
  /** It was repeated in place until its own limit, as a publication is: another attempt would only do the same. */
  readonly ownRetriesUsed: boolean;
  /** More of what ran out can be given to the next attempt. */
  readonly canEscalate: boolean;
  /** What ran out was its place's: it had no limit of its own. */
  readonly placeRanOut: boolean;
}

/** What the build's earlier attempts say. */
export interface RetryHistory {
  /** Earlier attempts that ended with the class of this one. */
  readonly sameClassBefore: (failureClass: FailureClass) => number;
  /** Earlier attempts that we moved ourselves: they use up none. */
  readonly movedBefore: number;
  /** From the claim of the first attempt to now, in milliseconds; those that we moved ourselves are left out. */
  readonly elapsedMs: number;
}

/** Why the next attempt is or is not made. */
export const RETRY_REASONS = [
  'CauseMayPass',
  'UserError',
  'ClassAttemptsUsed',
  'AttemptsUsed',
  'TimeUsed',
  'LossUnproved',
  'NothingMoreToGive',
  'OwnRetriesUsed',
  'BuildCancelled',
] as const;
export type RetryReason = (typeof RETRY_REASONS)[number];

export const RETRY_DECISIONS = ['retry', 'stop'] as const;

export type RetryDecision =
  | {
      readonly decision: 'retry';
      readonly failureClass: FailureClass;
      readonly reason: 'CauseMayPass';
      readonly message: string;
      readonly delayMs: number;
      /** The next placement passes this attempt's provider over when another one is eligible. */
      readonly elsewhere: boolean;
    }
  | {
      readonly decision: 'stop';
      readonly failureClass: FailureClass;
      readonly reason: Exclude<RetryReason, 'CauseMayPass'>;
      readonly message: string;
    };

/** An attempt that we ended for a drain: the build has done nothing to use its attempts and its time up. */
const MOVED_BY_US: Reason = 'Drain';

/** Whether a cause may be repeated at all: before such an end is taken, the attempt's own tag is looked for (rule 5). */
export function mayBeRepeated(cause: { readonly reason: Reason; readonly fault: Fault }, limits: RetryLimits): boolean {
  return limits.policies[failureClassOf(cause.reason, cause.fault)].attempts > 1;
}

/**
 * Whether the build gets another attempt, and when. Pure. `random` is in [0, 1).
 *
 * A method that makes no image has effects that no tag fences: such an attempt is repeated only when it is proved that
 * nothing of it runs any more (correctness rules 5 and 15).
 */
export function decideRetry(
  ended: EndedAttempt,
  history: RetryHistory,
  limits: RetryLimits,
  random: number,
): RetryDecision {
  const failureClass = failureClassOf(ended.reason, ended.fault);
  const policy = limits.policies[failureClass];
  const endedSo = history.sameClassBefore(failureClass) + 1;
  const obstacle = obstacleOf(ended, policy, { endedSo, made: ended.attempt - history.movedBefore }, limits);
  if (obstacle !== undefined) return { decision: 'stop', failureClass, ...obstacle };
  const delayMs = retryDelayMs(policy, endedSo, random);
  const late = ended.reason === MOVED_BY_US ? undefined : timeUsedUp(history, limits, delayMs);
  if (late !== undefined) return { decision: 'stop', failureClass, reason: 'TimeUsed', message: late };
  const elsewhere = policy.elsewhere || ended.placeRanOut;
  const where = elsewhere ? ', on another provider when one may take it' : '';
  const message = `${failureClass}: ${ended.reason} may pass; attempt ${ended.attempt + 1} follows${where}`;
  return {
    decision: 'retry',
    failureClass,
    reason: 'CauseMayPass',
    message,
    delayMs,
    elsewhere,
  };
}

type Obstacle = { readonly reason: Exclude<RetryReason, 'CauseMayPass'>; readonly message: string };

function obstacleOf(
  ended: EndedAttempt,
  policy: RetryPolicy,
  { endedSo, made }: { readonly endedSo: number; readonly made: number },
  limits: RetryLimits,
): Obstacle | undefined {
  if (ended.end === 'cancelled') return { reason: 'BuildCancelled', message: 'the build was cancelled' };
  if (failureClassOf(ended.reason, ended.fault) === 'user') {
    return { reason: 'UserError', message: `${ended.reason} is for the user to change; it would end so again` };
  }
  if (ended.ownRetriesUsed) {
    return { reason: 'OwnRetriesUsed', message: 'it was repeated in place until its limit' };
  }
  if (!ended.provedOver && !BUILD_METHOD_TABLE[ended.buildMethod].makesImage) {
    const message = `it is not proved that nothing of it runs any more, and no tag fences what ${ended.buildMethod} does`;
    return { reason: 'LossUnproved', message };
  }
  if (policy.escalates && !ended.canEscalate) {
    return { reason: 'NothingMoreToGive', message: 'it needs more than it may be given, or than any node has' };
  }
  if (ended.reason === MOVED_BY_US) return undefined;
  if (made >= limits.maxAttempts) {
    return { reason: 'AttemptsUsed', message: `attempt ${made} of at most ${limits.maxAttempts}` };
  }
  if (endedSo >= policy.attempts) {
    const message = `${endedSo} of at most ${policy.attempts} attempts ended for a cause of this class`;
    return { reason: 'ClassAttemptsUsed', message };
  }
  return undefined;
}

/** Why no other attempt may start `delayMs` from now: the first one is too long ago. Undefined: it may. */
export function timeUsedUp(
  { elapsedMs }: Pick<RetryHistory, 'elapsedMs'>,
  { maxTotalMs }: RetryLimits,
  delayMs = 0,
): string | undefined {
  return elapsedMs + delayMs > maxTotalMs
    ? `the first attempt began ${minutes(elapsedMs)} ago, and all take at most ${minutes(maxTotalMs)}`
    : undefined;
}

function minutes(ms: number): string {
  return `${Math.round(ms / 60_000)} min`;
}

/** The build's reason when its retries are used up; undefined: the attempt's own. */
export function exhaustionOf(decision: RetryDecision | undefined, attempt: number): Reason | undefined {
  if (decision === undefined || attempt === 1) return undefined;
  if (decision.reason === 'TimeUsed') return 'RetryTimeExhausted';
  return decision.reason === 'AttemptsUsed' || decision.reason === 'ClassAttemptsUsed'
    ? 'AttemptsExhausted'
    : undefined;
}
