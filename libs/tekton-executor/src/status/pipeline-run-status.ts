import { BUILD_METHOD_TABLE } from '@image-factory/domain';
import type { AttemptEnd, BuildMethod, PresentAttempt } from '@image-factory/domain';
import { isEnded, taskRunsInOrder } from './attempt-view.js';
import type { AttemptView } from './attempt-view.js';
import { classifyFailure } from './classify-failure.js';
import type { FailureContext } from './classify-failure.js';
import { podsOver, podsProvedOver } from './pods-over.js';
import type { IsOverdue } from './pods-over.js';
import { adviceMessage } from './reason-advice.js';
import { stepTimes } from './step-times.js';
import { waitingReason } from './waiting-reason.js';

export interface StatusContext extends FailureContext {
  readonly now: Date;
  readonly isOverdue: IsOverdue;
  readonly buildMethod: BuildMethod;
  /** The final PipelineRun as JSON; read once the run has ended. */
  readonly finalDocument: string;
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** What is true of an attempt: a pure function of its run, TaskRuns, pods, events, log tail and stop intent. */
export function pipelineRunStatus(view: AttemptView, context: StatusContext): PresentAttempt {
  const { now } = context;
  const times = stepTimes(view, now);
  const ended = isEnded(view.run.verdict);
  const started = times.firstStepStartedAt !== undefined;
  const waits = !ended && (times.waiting !== undefined || view.taskRuns.length === 0);
  const waitedMs = times.waitingSince === undefined ? 0 : now.getTime() - times.waitingSince.getTime();
  return {
    kind: 'present',
    uid: view.run.uid,
    phase: ended ? 'ended' : started ? 'running' : 'pending',
    waiting: waits ? waitingReason(view, times.waiting, context.events, waitedMs) : undefined,
    firstStepStartedAt: times.firstStepStartedAt,
    runSeconds: times.runSeconds,
    waitingSince: ended ? undefined : times.waitingSince,
    endedAt: ended ? (view.run.completedAt ?? now) : undefined,
    podsOver: ended && podsOver(view.pods, context.isOverdue),
    podsProvedOver: ended && podsProvedOver(view),
    end: ended ? attemptEnd(view, context) : undefined,
  };
}

function attemptEnd(view: AttemptView, context: StatusContext): AttemptEnd {
  const results = attemptResults(view);
  const digest = results['IMAGE_DIGEST'];
  const imageDigest = digest !== undefined && DIGEST.test(digest) ? digest : undefined;
  const nodeName = lastNode(view);
  const common = {
    results,
    imageDigest,
    finalDocument: context.finalDocument,
    ...(nodeName === undefined ? {} : { nodeName }),
  };
  if (view.run.verdict.status === 'True') {
    if (BUILD_METHOD_TABLE[context.buildMethod].makesImage && imageDigest === undefined) {
      const what =
        digest === undefined ? 'The run has no result IMAGE_DIGEST' : 'The result IMAGE_DIGEST is not a sha256 digest';
      return {
        ...common,
        outcome: 'failed',
        reason: 'DigestMissing',
        message: adviceMessage('DigestMissing', what),
        fault: 'platform',
      };
    }
    const commit = results['commit'] ?? 'unknown';
    return {
      ...common,
      outcome: 'succeeded',
      reason: 'Succeeded',
      message: `Built from commit ${commit}.`,
      fault: 'user',
    };
  }
  return { ...common, ...classifyFailure(view, context) };
}

/** Where the newest pod was that was placed at all; pods that are gone stay in the view as they were. */
function lastNode(view: AttemptView): string | undefined {
  const placed = view.pods.filter(({ nodeName }) => nodeName !== undefined);
  return placed.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime()).at(-1)?.nodeName;
}

/** Results of the run; those of its TaskRuns stand in where the run's own are not known (it was deleted early). */
function attemptResults(view: AttemptView): Readonly<Record<string, string>> {
  const ofTasks = taskRunsInOrder(view).map(({ results, pipelineTask }) => {
    const wanted = pipelineTask === 'clone' ? ['commit'] : ['IMAGE_URL', 'IMAGE_DIGEST', 'MANIFEST'];
    return Object.fromEntries(wanted.flatMap((name) => (results[name] === undefined ? [] : [[name, results[name]]])));
  });
  return Object.assign({}, ...ofTasks, view.run.results) as Record<string, string>;
}
