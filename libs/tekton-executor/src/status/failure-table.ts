import type { Reason } from '@image-factory/domain';
import type { PodView, StepView, TaskRunView } from '../follow/run-views.js';
import { imagePullReason } from './image-pull-reason.js';
import { reportedReason } from './log-tail.js';
import type { LogTail } from './log-tail.js';
import { isLostWithNode } from './pods-over.js';
import type { AttemptReason } from './reason-advice.js';
import { configReason } from './waiting-reason.js';

/** What is known of a TaskRun that failed. */
export interface FailedTask {
  readonly taskRun: TaskRunView;
  /** Its newest pod as last seen; undefined when none is there any more and none was seen. */
  readonly pod: PodView | undefined;
  /** The step that failed, when one did. */
  readonly step: StepView | undefined;
  readonly tail: LogTail | undefined;
}

type Find = AttemptReason | ((task: FailedTask) => AttemptReason | undefined);

/** Tekton's reasons of a failed PipelineRun that need no look at a TaskRun → ours. */
export const RUN_REASONS: Readonly<Record<string, AttemptReason>> = {
  CouldntGetTask: 'TaskMissing',
  CouldntGetPipelineResult: 'ResultMissing',
  InvalidPipelineResultReference: 'ResultMissing',
  CreateRunFailed: 'PodCreationFailed',
  CouldntGetPipeline: 'PipelineRunInvalid',
  ParameterMissing: 'PipelineRunInvalid',
  ParameterTypeMismatch: 'PipelineRunInvalid',
  ObjectParameterMissKeys: 'PipelineRunInvalid',
  ParamArrayIndexingInvalid: 'PipelineRunInvalid',
  InvalidWorkspaceBindings: 'PipelineRunInvalid',
  InvalidPipelineResourceBindings: 'PipelineRunInvalid',
  InvalidTaskRunSpecs: 'PipelineRunInvalid',
  InvalidParamValue: 'PipelineRunInvalid',
  InvalidTaskResultReference: 'PipelineRunInvalid',
  InvalidMatrixParameterTypes: 'PipelineRunInvalid',
  PipelineValidationFailed: 'PipelineRunInvalid',
  PipelineInvalidGraph: 'PipelineRunInvalid',
  RequiredWorkspaceMarkedOptional: 'PipelineRunInvalid',
  ResourceVerificationFailed: 'PipelineRunInvalid',
  CELEvaluationFailed: 'PipelineRunInvalid',
};

/** Tekton's reasons of a failed TaskRun → ours; a function where pod, step or log decide. */
export const TASK_REASONS: Readonly<Record<string, Find>> = {
  TaskRunImagePullFailed: ({ taskRun }) => imagePullReason(taskRun.verdict.message),
  PullImageFailed: ({ taskRun }) => imagePullReason(taskRun.verdict.message),
  CreateContainerConfigError: ({ pod, step }) => stuckConfig(pod) ?? configReason({ message: step?.message }),
  PodCreationFailed: ({ taskRun }) =>
    /serviceaccounts? "[^"]*" not found/.test(taskRun.verdict.message) ? 'ServiceAccountMissing' : 'PodCreationFailed',
  ExceededNodeResources: 'Unschedulable',
  ExceededResourceQuota: 'QuotaExceeded',
  PodEvicted: ({ taskRun, pod }) => evictionReason(pod, `${taskRun.verdict.message} ${pod?.message ?? ''}`),
  StepOOM: 'StepOutOfMemory',
  SidecarOOM: 'StepOutOfMemory',
  InitContainerOOM: 'StepOutOfMemory',
  TaskRunTimeout: 'PipelineRunTimeout',
  TaskRunResultLargerThanAllowedLimit: 'ResultTooLarge',
  TaskRunCancelled: 'ForeignCancel',
  TaskRunResolutionFailed: 'PipelineRunInvalid',
  TaskRunValidationFailed: 'PipelineRunInvalid',
  TaskValidationFailed: 'PipelineRunInvalid',
  InvalidParamValue: 'PipelineRunInvalid',
  ResourceVerificationFailed: 'PipelineRunInvalid',
  StepFailed: stepReason,
  Failed: stepReason,
};

/** Reasons that a Task of ours may report, by pipeline task: a build's log cannot speak for the clone. */
const REPORTED: Readonly<Record<string, readonly Reason[]>> = {
  clone: ['GitAuthenticationFailed', 'GitRepositoryNotFound', 'GitRevisionNotFound', 'GitUnavailable', 'WorkspaceFull'],
  build: [
    'DockerfileNotFound',
    'RegistryUnauthorized',
    'RegistryUnavailable',
    'BaseImageUnavailable',
    'PushFailed',
    'EphemeralStorageExceeded',
    'WorkspaceFull',
  ],
};

/** Exit codes of a step whose container was killed from outside: Tekton's entrypoint, SIGKILL, SIGTERM. */
const KILLED = new Set([255, 137, 143]);

function stepReason(task: FailedTask): AttemptReason {
  const { taskRun, step, tail } = task;
  if (step?.reason === 'TimeoutExceeded') return 'StepTimeout';
  if (step?.reason === 'OOMKilled') return 'StepOutOfMemory';
  const disruption = disruptionReason(task);
  if (disruption !== undefined) return disruption;
  // The log alone tells the user's fault from the registry's (rule 16).
  if (tail?.isUnread === true) return 'UnknownFailure';
  const last = tail?.lines.at(-1) ?? '';
  if (last.includes('Termination message is above max allowed size')) return 'ResultTooLarge';
  const reported = reportedReason(tail);
  if (reported !== undefined && REPORTED[taskRun.pipelineTask]?.includes(reported) === true)
    return reported as AttemptReason;
  if (taskRun.pipelineTask === 'clone') return 'CloneFailed';
  return foreignPushReason(last) ?? 'StepFailed';
}

/**
 * A step that was killed with its pod is never the user's fault (rule 16): Tekton shows only an exit code, the pod tells
 * the rest, if only by not being there, because Tekton keeps the pod of a step that failed by itself.
 */
function disruptionReason({ pod, step }: FailedTask): AttemptReason | undefined {
  if (pod?.disruption !== undefined || pod?.reason === 'NodeLost' || pod?.reason === 'Evicted') {
    return evictionReason(pod, pod.message ?? '');
  }
  const killed = step?.exitCode !== undefined && KILLED.has(step.exitCode);
  const deleted = pod === undefined || pod.gone || pod.deletionGraceMs !== undefined;
  return killed && deleted ? 'PodDeleted' : undefined;
}

function evictionReason(pod: PodView | undefined, text: string): AttemptReason {
  if (pod !== undefined && isLostWithNode(pod)) return 'NodeUnreachable';
  // A node that is short of disk chose this pod among others: the next one may have more, and the build's own limit held.
  if (/node was low on resource/i.test(text)) return 'PodEvicted';
  return /ephemeral|emptyDir|local storage/i.test(text) ? 'EphemeralStorageExceeded' : 'PodEvicted';
}

function stuckConfig(pod: PodView | undefined): AttemptReason | undefined {
  const container = pod?.containers.find(
    ({ state, reason }) => state === 'waiting' && reason === 'CreateContainerConfigError',
  );
  return container === undefined ? undefined : configReason(container);
}

/** Push failures of Tasks that are not ours and report nothing: kaniko's own first words on its last line. */
function foreignPushReason(last: string): AttemptReason | undefined {
  if (!/^error (?:checking push permissions|pushing image)/i.test(last)) return undefined;
  if (/UNAUTHORIZED|DENIED|authentication required|status code 40[13]/.test(last)) return 'RegistryUnauthorized';
  if (
    /connection refused|no such host|i\/o timeout|no route to host|TLS handshake|status code (?:429|50\d)|TOOMANYREQUESTS/.test(
      last,
    )
  )
    return 'RegistryUnavailable';
  return 'PushFailed';
}

/** A word of Tekton's that the table does not have, as for a pod taken away before its step: its pod may tell more. */
export function findTaskReason(task: FailedTask): AttemptReason {
  const find = TASK_REASONS[task.taskRun.verdict.reason];
  return (typeof find === 'function' ? find(task) : find) ?? disruptionReason(task) ?? 'UnknownFailure';
}
