import type { PodView, StepView, TaskRunView } from '../follow/run-views.js';
import { hasEnded, isStuck } from '../status/pods-over.js';

/** Tekton ended the TaskRun because an image of its pod cannot be had: no container of it ever started. */
const PULL_FAILED = 'TaskRunImagePullFailed';

/** Tekton ended the TaskRun because its pod could not be made. */
const NO_POD_MADE = new Set(['PodCreationFailed', 'TaskRunValidationFailed']);

/**
 * Whether a step whose container no reader met may have printed something that is lost. Tekton gives a step that it saw
 * waiting when it ended the TaskRun that TaskRun's creation as its start. A container that started in that same second, or
 * that Tekton had not looked at since, looks the same, so only the pod's last state proves that a step never ran; and a
 * state is the last only when the pod was seen to go with it, has ended, or cannot start.
 *
 * @param taskRun undefined when none was made, or seen
 * @param step of the TaskRun's status; undefined while that names none
 * @param container of the step in its pod
 * @param seen `pods`: what is known of the run's pods, also of those that are gone; `isLast`: the run was read after it had
 * ended, so that what is known of its TaskRuns is their last state
 */
export function mayHavePrinted(
  taskRun: TaskRunView | undefined,
  step: StepView | undefined,
  container: string,
  { pods, isLast }: { readonly pods: readonly PodView[]; readonly isLast: boolean },
): boolean {
  if (taskRun === undefined) return !isLast;
  if (step?.startedAt !== undefined) return true;
  if (taskRun.verdict.reason === PULL_FAILED) return false;
  const { podName = '' } = taskRun;
  const pod = pods.find(({ name, taskRun: owner }) => owner === taskRun.name && (podName === '' || name === podName));
  if (pod === undefined) return podName !== '' || (!isLast && !NO_POD_MADE.has(taskRun.verdict.reason));
  if (pod.lastStateUnseen) return true;
  const state = pod.containers.find(({ name }) => name === container)?.state;
  if (state === 'running' || state === 'terminated') return true;
  return !(pod.gone || hasEnded(pod) || isStuck(pod));
}
