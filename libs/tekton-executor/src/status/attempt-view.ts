import type { PodView, RunView, TaskRunView } from '../follow/run-views.js';

/** All that is known of one attempt on its cluster. Objects that are gone stay here in their last state. */
export interface AttemptView {
  readonly run: RunView;
  readonly taskRuns: readonly TaskRunView[];
  /** Pods of TaskRuns only: never the affinity assistant's. */
  readonly pods: readonly PodView[];
}

/** TaskRuns in the order in which they were made; the build's is after the clone's. */
export function taskRunsInOrder(view: AttemptView): readonly TaskRunView[] {
  return [...view.taskRuns].sort(
    (a, b) =>
      a.createdAt.getTime() - b.createdAt.getTime() ||
      Number(a.pipelineTask === 'build') - Number(b.pipelineTask === 'build'),
  );
}

/** The newest pod of a TaskRun: a retry has a pod of its own. */
export function podOf(view: AttemptView, taskRun: TaskRunView): PodView | undefined {
  return view.pods
    .filter((pod) => pod.taskRun === taskRun.name)
    .reduce<PodView | undefined>(
      (newest, pod) => (newest === undefined || pod.createdAt >= newest.createdAt ? pod : newest),
      undefined,
    );
}

export function isEnded(verdict: { readonly status: string }): boolean {
  return verdict.status !== 'Unknown';
}
