import type { ExecutionOutcome, Fault, StopIntent } from '@image-factory/domain';
import type { EventObject } from '../follow/kube-objects.js';
import type { StepView, TaskRunView } from '../follow/run-views.js';
import { podOf, taskRunsInOrder } from './attempt-view.js';
import type { AttemptView } from './attempt-view.js';
import { findTaskReason, RUN_REASONS } from './failure-table.js';
import type { FailedTask } from './failure-table.js';
import { shownTail } from './log-tail.js';
import type { LogTail } from './log-tail.js';
import { adviceMessage, REASON_ADVICE } from './reason-advice.js';
import type { AttemptReason } from './reason-advice.js';
import { stepTimes } from './step-times.js';
import { waitingReason } from './waiting-reason.js';

export interface Failure {
  readonly outcome: Exclude<ExecutionOutcome, 'succeeded'>;
  readonly reason: AttemptReason;
  readonly message: string;
  readonly fault: Fault;
}

export interface FailureContext {
  readonly stopIntent: StopIntent | undefined;
  /** Tail of the failed step's log. */
  readonly tail: LogTail | undefined;
  /** Events of the pod that waited, for a run that ended before a step started. */
  readonly events: readonly EventObject[];
}

const STOPPED: Readonly<
  Record<StopIntent, { readonly outcome: Failure['outcome']; readonly reason: AttemptReason; readonly what: string }>
> = {
  UserCancel: { outcome: 'cancelled', reason: 'Cancelled', what: 'Cancelled on request' },
  Superseded: { outcome: 'cancelled', reason: 'Superseded', what: 'Cancelled' },
  Drain: { outcome: 'moved', reason: 'Drain', what: 'Stopped by us' },
  StartLimit: {
    outcome: 'failed',
    reason: 'StartTimeout',
    what: 'Its step began only when the start limit had passed',
  },
  RunLimit: { outcome: 'failed', reason: 'RunTimeout', what: 'The build ran longer than its limit and was stopped' },
};

/** Tekton's reasons of a PipelineRun that ended because somebody asked it to. */
const CANCELLED = new Set([
  'Cancelled',
  'CancelledRunningFinally',
  'StoppedRunningFinally',
  'PipelineRunCouldntCancel',
]);
const TIMED_OUT = new Set(['PipelineRunTimeout', 'PipelineRunTimeoutRunningFinally', 'PipelineRunCouldntTimeOut']);

/** Why a run that ended without success did so: pure, by the tables beside this file. */
export function classifyFailure(view: AttemptView, context: FailureContext): Failure {
  const { verdict } = view.run;
  if (CANCELLED.has(verdict.reason)) return stopped(view, context);
  if (TIMED_OUT.has(verdict.reason)) {
    return timedOut(view, context, failure('PipelineRunTimeout', oneLine(verdict.message)));
  }
  const byRun = RUN_REASONS[verdict.reason];
  if (byRun !== undefined) return failure(byRun, oneLine(verdict.message));
  const failed = failedTask(view, context.tail);
  if (failed === undefined) return failure('UnknownFailure', `${verdict.reason}: ${oneLine(verdict.message)}`);
  const found = failure(findTaskReason(failed), describe(failed));
  return isOverTaskLimit(view) ? timedOut(view, context, found) : found;
}

/** Whether the failed step's log may name another cause than what is known without it. */
export function mayDecide(view: AttemptView): boolean {
  if (!needsTail(view)) return false;
  const reasonWith = (tail: LogTail | undefined): AttemptReason =>
    classifyFailure(view, { stopIntent: undefined, tail, events: [] }).reason;
  return reasonWith({ lines: [], isUnread: true }) !== reasonWith(undefined);
}

/** Whether the last lines of the failed step's log are told with the end. */
export function needsTail(view: AttemptView): boolean {
  const { status, reason } = view.run.verdict;
  const isOfRun = CANCELLED.has(reason) || TIMED_OUT.has(reason) || RUN_REASONS[reason] !== undefined;
  return status === 'False' && !isOfRun && !isOverTaskLimit(view);
}

/** Whether the events of a pod that never started are told with the end. */
export function needsEvents(view: AttemptView, stopIntent: StopIntent | undefined): boolean {
  const { reason } = view.run.verdict;
  if (CANCELLED.has(reason)) return stopIntent === 'StartLimit';
  return TIMED_OUT.has(reason) || isOverTaskLimit(view);
}

/** Where the failed step's log is, when a step failed. */
export function failedContainer(view: AttemptView): { readonly pod: string; readonly container: string } | undefined {
  const taskRun = view.run.verdict.status === 'False' ? failedTaskRun(view) : undefined;
  const container = taskRun === undefined ? undefined : failedStep(taskRun)?.container;
  return taskRun?.podName === undefined || taskRun.podName === '' || container === undefined
    ? undefined
    : { pod: taskRun.podName, container };
}

function stopped(view: AttemptView, context: FailureContext): Failure {
  const { stopIntent } = context;
  if (stopIntent === undefined) return failure('ForeignCancel', 'The PipelineRun was cancelled, not by us');
  const { outcome, reason, what } = STOPPED[stopIntent];
  const asStopped = { ...failure(reason, what), outcome };
  return stopIntent === 'StartLimit' ? timedOut(view, context, asStopped) : asStopped;
}

/** Its run's own limit is no lower (`head.ejs`): another one was set on the cluster, or by an earlier version of ours. */
function isOverTaskLimit(view: AttemptView): boolean {
  return failedTaskRun(view)?.verdict.reason === 'TaskRunTimeout';
}

/** A time limit without a started step is a failure to start, with what the pod waited for (rule 17). */
function timedOut(view: AttemptView, context: FailureContext, whenStarted: Failure): Failure {
  const stuck = neverStarted(view);
  if (stuck === undefined && view.taskRuns.length > 0) return whenStarted;
  const waiting = waitingBefore(view, stuck, context.events);
  const where = stuck === undefined ? 'The run' : `The step of task ${stuck.pipelineTask}`;
  return failure('StartTimeout', `${where} did not start in time. ${waiting.reason}: ${waiting.message}`);
}

function neverStarted(view: AttemptView): TaskRunView | undefined {
  const times = (taskRun: TaskRunView): boolean =>
    stepTimes({ ...view, taskRuns: [taskRun] }, new Date(0)).firstStepStartedAt !== undefined;
  return taskRunsInOrder(view).find((taskRun) => taskRun.verdict.status !== 'True' && !times(taskRun));
}

/** Tekton keeps what a cancelled TaskRun waited for as `Previous status: [Reason] message`. */
function waitingBefore(
  view: AttemptView,
  taskRun: TaskRunView | undefined,
  events: readonly EventObject[],
): { readonly reason: AttemptReason; readonly message: string } {
  const before = /Previous status: \[(\w+)\]\s*([\s\S]*)$/.exec(taskRun?.verdict.message ?? '');
  const reason = before?.[1] ?? '';
  const text = oneLine(before?.[2] ?? '');
  const previous =
    taskRun === undefined ? undefined : { ...taskRun, verdict: { status: 'Unknown' as const, reason, message: text } };
  // A cancel deletes the pod: what it waited for is its last state.
  const asItWas = { ...view, pods: view.pods.map((pod) => ({ ...pod, gone: false })) };
  const waiting = waitingReason(asItWas, previous, events);
  if (reason === 'ExceededNodeResources' && waiting.reason !== 'PvcNotBound' && waiting.reason !== 'Unschedulable') {
    return { reason: 'Unschedulable', message: adviceMessage('Unschedulable', text) };
  }
  return waiting;
}

/** The TaskRun that failed first, with what is known of it. */
function failedTask(view: AttemptView, tail: LogTail | undefined): FailedTask | undefined {
  const taskRun = failedTaskRun(view);
  return taskRun === undefined ? undefined : { taskRun, pod: podOf(view, taskRun), step: failedStep(taskRun), tail };
}

export function failedTaskRun(view: AttemptView): TaskRunView | undefined {
  const failed = taskRunsInOrder(view).filter(
    ({ verdict }) => verdict.status === 'False' && verdict.reason !== 'FailureIgnored',
  );
  return failed.find(({ verdict }) => verdict.reason !== 'TaskRunCancelled') ?? failed[0];
}

/** The first step with an exit code, not one that was skipped after it. */
export function failedStep(taskRun: TaskRunView): StepView | undefined {
  const ended = taskRun.steps.filter(
    ({ exitCode, reason }) => exitCode !== undefined && exitCode !== 0 && reason !== 'Continued',
  );
  return ended.find(({ reason }) => reason !== 'Skipped') ?? ended[0] ?? taskRun.steps[0];
}

function describe({ taskRun, step, tail }: FailedTask): string {
  const task = taskRun.pipelineTask;
  const exit = step?.exitCode === undefined ? '' : ` exited with code ${step.exitCode}`;
  const plainStep = taskRun.verdict.reason === 'StepFailed' || taskRun.verdict.reason === 'StepOOM';
  const head =
    plainStep && step !== undefined
      ? `Step ${task}/${step.step}${exit}`
      : `Task ${task}: ${oneLine(taskRun.verdict.message)}`;
  const lines = shownTail(tail);
  const config =
    plainStep || step?.message === undefined || step.exitCode !== undefined ? '' : ` (${oneLine(step.message)})`;
  const unread = tail?.isUnread === true ? '; its log could not be read to its end' : '';
  return lines === '' ? `${head}${config}${unread}` : `${head}${unread}; its last lines:\n${lines}\n`;
}

function failure(reason: AttemptReason, what: string): Failure {
  return { outcome: 'failed', reason, message: adviceMessage(reason, what), fault: REASON_ADVICE[reason].fault };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 1000);
}
