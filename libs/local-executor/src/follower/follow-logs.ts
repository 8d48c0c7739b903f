import type { Clock, LogSink, LogStep } from '@image-factory/domain';
import { hasLog, StepLogReader } from '../log/step-log-reader.js';
import type { RunDirectory } from '../workspace/run-directory.js';
import type { RunState } from '../workspace/run-state.js';

export interface FollowLogsOptions {
  readonly directory: RunDirectory;
  readonly sink: LogSink;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly pollMs: number;
  /** True once nothing of the run writes any more. */
  readonly isOver: () => Promise<boolean>;
}

/** What is known of a step's log when it is looked at: the state is read before the bytes, so `final` is final. */
interface StepView {
  readonly final: boolean;
  readonly gone: boolean;
}

/** Follows every step's log, in their order, until each is read to its end and sealed in the sink. */
export async function followRunLogs(options: FollowLogsOptions): Promise<void> {
  for (const step of await plannedSteps(options)) await followStep(step, options);
}

/** The steps that the supervisor announced before any ran; none when the run ended before that. */
async function plannedSteps({
  directory,
  clock,
  pollMs,
  signal,
  isOver,
}: FollowLogsOptions): Promise<readonly LogStep[]> {
  for (;;) {
    signal.throwIfAborted();
    const over = await isOver();
    const state = await directory.findState();
    if (state !== undefined && state.steps.length > 0)
      return state.steps.map(({ task, step, ordinal }) => ({ task, step, ordinal }));
    if (over) return [];
    await clock.sleep(pollMs, signal);
  }
}

async function followStep(step: LogStep, options: FollowLogsOptions): Promise<void> {
  const { directory, sink, signal, clock, pollMs } = options;
  const cursor = await sink.cursor(step);
  if (cursor.ended) return;
  const reader = new StepLogReader(directory.logFile(step), directory.timesFile(step), cursor);
  try {
    for (;;) {
      signal.throwIfAborted();
      const view = await viewStep(step, options);
      const batch = await reader.read(view.final);
      if (batch.records.length > 0) await sink.append(step, batch.records);
      if (batch.more) continue;
      if (view.final) {
        if (view.gone) await appendGap(step, options);
        break;
      }
      await clock.sleep(pollMs, signal);
    }
    await sink.end(step);
  } finally {
    await reader.close();
  }
}

async function viewStep(step: LogStep, { directory, isOver }: FollowLogsOptions): Promise<StepView> {
  const over = await isOver();
  const state = await directory.findState();
  const found = state?.steps.find((known) => known.task === step.task && known.step === step.step);
  const started = state === undefined || found?.startedAt !== undefined;
  const final = over || (found?.endedAt !== undefined && laterStepStarted(state, step));
  return { final, gone: final && started && !(await hasLog(directory.logFile(step))) };
}

/** A builder tidies up into its last step's log, so that step ends with the run. */
function laterStepStarted(state: RunState | undefined, step: LogStep): boolean {
  return state?.steps.some((other) => other.ordinal > step.ordinal && other.startedAt !== undefined) === true;
}

async function appendGap(step: LogStep, { sink, clock }: FollowLogsOptions): Promise<void> {
  const message =
    'The log file of the step is gone from the host: its workspace was removed before the log was stored.';
  await sink.append(step, [{ kind: 'gap', time: clock.now().toISOString(), reason: 'LogGap', message }]);
}
