import type { TaskRunView } from '../follow/run-views.js';
import { isEnded, podOf, taskRunsInOrder } from './attempt-view.js';
import type { AttemptView } from './attempt-view.js';

export interface StepTimes {
  readonly firstStepStartedAt: Date | undefined;
  /** Seconds in which some step ran: waits between and before TaskRuns are not counted (rule 17). */
  readonly runSeconds: number;
  /** The TaskRun that waits for its first step. */
  readonly waiting: TaskRunView | undefined;
  /** When the wait began: that TaskRun's creation, or the run's while it has none. */
  readonly waitingSince: Date | undefined;
}

/** The clocks of an attempt: pure, from what its TaskRuns and pods say. */
export function stepTimes(view: AttemptView, now: Date): StepTimes {
  const taskRuns = taskRunsInOrder(view);
  const intervals = taskRuns.flatMap((taskRun) => {
    const interval = stepInterval(view, taskRun, now);
    return interval === undefined ? [] : [interval];
  });
  const starts = intervals.map(([start]) => start);
  const waiting = isEnded(view.run.verdict)
    ? undefined
    : taskRuns.find((taskRun) => !isEnded(taskRun.verdict) && stepInterval(view, taskRun, now) === undefined);
  const sinceRun = taskRuns.length === 0 && !isEnded(view.run.verdict) ? view.run.createdAt : undefined;
  return {
    firstStepStartedAt: starts.length === 0 ? undefined : new Date(Math.min(...starts)),
    runSeconds: unionMs(intervals) / 1000,
    waiting,
    waitingSince: waiting?.createdAt ?? sinceRun,
  };
}

/** First start and last end of a TaskRun's steps in ms; undefined while none has started. */
function stepInterval(view: AttemptView, taskRun: TaskRunView, now: Date): readonly [number, number] | undefined {
  const containers = (podOf(view, taskRun)?.containers ?? []).filter(
    ({ init, name }) => !init && name.startsWith('step-'),
  );
  // All step containers start together and wait for each other; the TaskRun knows better when a step began.
  const parts = taskRun.steps.some(({ startedAt }) => startedAt !== undefined) ? taskRun.steps : containers;
  const starts = parts.flatMap(({ startedAt }) => (startedAt === undefined ? [] : [startedAt.getTime()]));
  if (starts.length === 0) return undefined;
  const start = Math.min(...starts);
  const ends = parts.flatMap(({ finishedAt }) => (finishedAt === undefined ? [] : [finishedAt.getTime()]));
  const allOver = containers.length > 0 && containers.every(({ state }) => state === 'terminated');
  const end = isEnded(taskRun.verdict)
    ? Math.max(start, ...ends, ...(ends.length === 0 ? [taskRun.completedAt?.getTime() ?? start] : []))
    : allOver && ends.length > 0
      ? Math.max(...ends)
      : now.getTime();
  return [start, Math.max(start, end)];
}

function unionMs(intervals: readonly (readonly [number, number])[]): number {
  let total = 0;
  let reached = -Infinity;
  for (const [start, end] of [...intervals].sort(([a], [b]) => a - b)) {
    total += Math.max(0, end - Math.max(start, reached));
    reached = Math.max(reached, end);
  }
  return total;
}
