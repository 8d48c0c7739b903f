import type { AttemptEnd, ExecutionOutcome, Fault, Reason, StopIntent } from '@image-factory/domain';
import type { Ending, RunRecord, RunState } from '../workspace/run-state.js';
import { failureReason } from './failure-reason.js';

/** What the verdict is a function of (rule 11): how the run ended, and the intent that was stored before it was stopped. */
export interface EndedRun {
  readonly record: RunRecord;
  /** Undefined when the run ended before it began. */
  readonly state: RunState | undefined;
  readonly ending: Ending;
  readonly endedAt: string;
  readonly hostName: string;
  readonly stopIntent: StopIntent | undefined;
}

interface Verdict {
  readonly outcome: ExecutionOutcome;
  readonly reason: Reason;
  readonly message: string;
  readonly fault: Fault;
}

/** The verdict of an ended run: pure. */
export function attemptEnd(run: EndedRun): AttemptEnd {
  const verdict = verdictOf(run);
  const { record, state } = run;
  const succeeded = verdict.outcome === 'succeeded';
  return {
    ...verdict,
    imageDigest: succeeded ? state?.imageDigest : undefined,
    results: state?.results ?? {},
    finalDocument: JSON.stringify({
      apiVersion: 'image-factory.io/v1',
      kind: 'LocalRun',
      metadata: { name: record.name, uid: record.uid, creationTimestamp: record.createdAt },
      status: {
        host: run.hostName,
        builder: state?.builder,
        startTime: state?.startedAt,
        completionTime: run.endedAt,
        reason: verdict.reason,
        message: verdict.message,
        steps: (state?.steps ?? []).map(({ leaders: _leaders, ...step }) => step),
        results: state?.results ?? {},
      },
    }),
  };
}

function verdictOf(run: EndedRun): Verdict {
  const { ending } = run;
  if (ending.kind === 'succeeded') {
    return { outcome: 'succeeded', reason: 'Succeeded', message: 'Every step succeeded.', fault: 'user' };
  }
  if (ending.kind === 'stopped') return stoppedVerdict(run.stopIntent);
  if (ending.kind === 'host-lost') {
    // Whatever took the supervisor away, nothing of the attempt runs any more, and somebody wanted that.
    if (run.stopIntent !== undefined) return stoppedVerdict(run.stopIntent);
    const message = `${ending.message} The attempt on ${run.hostName} did not come to its end.`;
    return { outcome: 'failed', reason: 'HostLost', message, fault: 'platform' };
  }
  if (ending.kind === 'timed-out') {
    const message = `The run was stopped after ${Math.round(ending.limitSeconds / 60)} minutes. Make the build faster or raise build_timeout_minutes.`;
    return { outcome: 'failed', reason: 'RunTimeout', message, fault: 'user' };
  }
  if (ending.kind === 'refused') {
    return { outcome: 'failed', reason: ending.reason, message: ending.message, fault: ending.fault };
  }
  return stepVerdict(ending);
}

function stepVerdict(ending: Ending & { kind: 'step-failed' }): Verdict {
  const { reason, fault, advice } = failureReason(ending.step, ending.exitCode, ending.tail);
  const how =
    ending.exitCode === undefined
      ? `was ended by ${ending.signal ?? 'an unknown cause'}`
      : `exited with ${ending.exitCode}`;
  if (ending.exitCode === undefined && reason === 'StepFailed') {
    const message = `Step ${ending.step} ${how}. The host may be short of memory.${lines(ending.tail)}`;
    return { outcome: 'failed', reason: 'ProcessFailed', message, fault: 'platform' };
  }
  return { outcome: 'failed', reason, message: `Step ${ending.step} ${how}. ${advice}${lines(ending.tail)}`, fault };
}

function lines(tail: string): string {
  return tail === '' ? '' : ` Last lines:\n${tail}`;
}

function stoppedVerdict(intent: StopIntent | undefined): Verdict {
  switch (intent) {
    case 'UserCancel':
      return { outcome: 'cancelled', reason: 'Cancelled', message: 'The build was cancelled.', fault: 'user' };
    case 'Superseded':
      return { outcome: 'cancelled', reason: 'Superseded', message: 'A newer build took its place.', fault: 'user' };
    case 'StartLimit':
      return {
        outcome: 'failed',
        reason: 'StartTimeout',
        message: 'No step started within the start limit.',
        fault: 'platform',
      };
    case 'RunLimit':
      return {
        outcome: 'failed',
        reason: 'RunTimeout',
        message: 'The build ran longer than build_timeout_minutes and was stopped.',
        fault: 'user',
      };
    case 'Drain':
      return {
        outcome: 'moved',
        reason: 'Drain',
        message: 'The host drains; the build runs elsewhere.',
        fault: 'cluster',
      };
    case undefined:
      return {
        outcome: 'failed',
        reason: 'ForeignCancel',
        message: 'The run was stopped on the host, and not by this product.',
        fault: 'platform',
      };
  }
}
