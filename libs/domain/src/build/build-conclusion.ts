import type { BuildStatus } from './build-status.js';
import type { ExecutionState } from './build-execution-state.js';
import type { Reason } from '../errors/reasons.js';

/** How an attempt that touched a cluster can end. */
export const ATTEMPT_ENDS = [
  'succeeded',
  'failed',
  'cancelled',
  'moved',
  'lost',
] as const satisfies readonly ExecutionState[];
export type AttemptEndState = (typeof ATTEMPT_ENDS)[number];

/** What a build can be while it has a live attempt. */
export const LIVE_BUILD_STATUSES = ['running', 'cancelling'] as const satisfies readonly BuildStatus[];
export type LiveBuildStatus = (typeof LIVE_BUILD_STATUSES)[number];

/** `reason` undefined: the attempt's own. */
export interface BuildConclusion {
  readonly status: Exclude<BuildStatus, LiveBuildStatus>;
  readonly reason: Reason | undefined;
}

type Rule = 'completed' | 'failed' | 'cancelled' | 'againIfRetryable';

/**
 * The total table "attempt's end × build's status" (correctness rule 12). Whether there is another attempt is decided by
 * cause (`decideRetry`); a build that is being cancelled never gets one. A cancel that came after the outcome was fixed does not change it:
 * both ends are legal. An attempt that ended as cancelled under a build that nobody cancelled is a failure.
 */
export const BUILD_CONCLUSIONS: Readonly<Record<LiveBuildStatus, Readonly<Record<AttemptEndState, Rule>>>> = {
  running: {
    succeeded: 'completed',
    failed: 'againIfRetryable',
    cancelled: 'againIfRetryable',
    moved: 'againIfRetryable',
    lost: 'againIfRetryable',
  },
  cancelling: {
    succeeded: 'completed',
    failed: 'failed',
    cancelled: 'cancelled',
    moved: 'cancelled',
    lost: 'cancelled',
  },
};

/**
 * What becomes of a build whose attempt has ended. `exhausted` is the reason when another attempt was due, but not
 * allowed any more. A build whose attempt would be repeated, and which is cancelled instead, was cancelled for the reason
 * of the cancel; only a cluster that is lost is said to be.
 */
export function concludeBuild(
  end: AttemptEndState,
  status: LiveBuildStatus,
  retryable: boolean,
  exhausted?: Reason,
  cancelledFor: Extract<Reason, 'Cancelled' | 'Superseded'> = 'Cancelled',
): BuildConclusion {
  const rule = BUILD_CONCLUSIONS[status][end];
  const instead = (end === 'failed' && retryable) || end === 'moved';
  if (status === 'cancelling' && instead) return { status: 'cancelled', reason: cancelledFor };
  if (rule !== 'againIfRetryable') return { status: rule, reason: undefined };
  return retryable ? { status: 'queued', reason: undefined } : { status: 'failed', reason: exhausted };
}
