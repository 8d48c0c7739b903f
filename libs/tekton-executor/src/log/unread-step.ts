import type { PodView, StepView, TaskRunView } from '../follow/run-views.js';

/** Tekton ended the TaskRun because an image of its pod cannot be had: no container of it ever started. */
const PULL_FAILED = 'TaskRunImagePullFailed';

/**
 * Whether a step whose container no reader met may have printed something that is lost. Tekton gives a step that it saw
 * waiting when it ended the TaskRun that TaskRun's creation as its start. A container that started in that same second, or
 * that Tekton had not looked at since, looks the same, so only the pod's last state proves that a step never ran.
 *
 * @param step of the TaskRun's status; undefined while that names none
 * @param container of the step in its pod
 * @param pods what is known of the run's pods, also of those that are gone
 */
export function mayHavePrinted(
  taskRun: TaskRunView | undefined,
  step: StepView | undefined,
  container: string,
  pods: readonly PodView[],
): boolean {
  if (taskRun === undefined || taskRun.podName === undefined || taskRun.podName === '') return false;
  if (step?.startedAt !== undefined) return true;
  if (taskRun.verdict.reason === PULL_FAILED) return false;
  const pod = pods.find(({ name, taskRun: owner }) => name === taskRun.podName && owner === taskRun.name);
  if (pod === undefined || pod.lastStateUnseen) return true;
  const state = pod.containers.find(({ name }) => name === container)?.state;
  return state === 'running' || state === 'terminated';
}
