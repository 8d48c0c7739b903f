import {
  mayBeRepeated,
  type AttemptEnd,
  type ExecutionOutcome,
  type Fault,
  type Reason,
  type RetryLimits,
  type StopIntent,
} from '@image-factory/domain';

/** The verdict of an attempt that left no run behind to be read. */
export function endWithoutRun(outcome: ExecutionOutcome, reason: Reason, message: string, fault: Fault): AttemptEnd {
  return {
    outcome,
    reason,
    message,
    fault,
    imageDigest: undefined,
    results: {},
    finalDocument: JSON.stringify({ outcome, reason, message }),
  };
}

/**
 * The verdict of an attempt that was certainly never made: `moved` when its cause is one that may be repeated, else
 * the build's own failure.
 */
export function endBeforeCreate(
  cause: { readonly reason: Reason; readonly message: string; readonly fault: Fault },
  limits: RetryLimits,
): AttemptEnd {
  const outcome = mayBeRepeated(cause, limits) ? 'moved' : 'failed';
  return endWithoutRun(outcome, cause.reason, cause.message, cause.fault);
}

const STOPPED: Readonly<Record<StopIntent, readonly [ExecutionOutcome, Reason, string, Fault]>> = {
  UserCancel: ['cancelled', 'Cancelled', 'cancelled on request', 'user'],
  Superseded: ['cancelled', 'Superseded', 'a newer build of the same key took its place', 'user'],
  StartLimit: ['failed', 'StartTimeout', 'it did not start within its start limit', 'cluster'],
  RunLimit: ['failed', 'RunTimeout', 'it ran for longer than build_timeout_minutes', 'user'],
  Drain: ['moved', 'Drain', 'its provider drains; the build goes on elsewhere', 'cluster'],
};

/** What a stop of ours means for an attempt of which nothing is left (rule 11: the stored intent decides). */
export function endOfStopped(intent: StopIntent, where: string): AttemptEnd {
  const [outcome, reason, message, fault] = STOPPED[intent];
  return endWithoutRun(outcome, reason, `${message} ${where}`.trim(), fault);
}

/** The verdict of an attempt whose image was found under its attempt tag although its run is gone (rules 5 and 15). */
export function endByAttemptTag(imageDigest: string): AttemptEnd {
  const message = 'the run is gone, but its image stands under the attempt tag';
  return { ...endWithoutRun('succeeded', 'Succeeded', message, 'cluster'), imageDigest };
}

/**
 * The same where the run is there and says otherwise. Tekton makes a pod anew that was evicted before its containers ran,
 * after it has called the TaskRun and with it the run failed; what that pod pushes is the attempt's image.
 */
export function endAgainstItsRun(end: AttemptEnd, imageDigest: string): AttemptEnd {
  const message = `its run ended with ${end.reason}, but its image stands under the attempt tag`;
  return { ...end, outcome: 'succeeded', reason: 'Succeeded', message, imageDigest };
}
