import { DomainError, isDomainError, logStepKey } from '@image-factory/domain';
import type { Attempt, Clock, LogSink, LogStep } from '@image-factory/domain';
import type { ClusterConnection } from '@image-factory/cluster-connectors';
import type { AttemptViews, SeenAttempt } from '../follow/attempt-views.js';
import { areAllEnded, type EndedReads } from '../follow/ended-reads.js';
import { readAttempt } from '../follow/read-attempt.js';
import type { PodView } from '../follow/run-views.js';
import { isEnded } from '../status/attempt-view.js';
import { podsOver } from '../status/pods-over.js';
import type { OverduePods } from '../status/pods-over.js';
import { gapRecord } from './log-position.js';
import { tailKey } from './log-tails.js';
import type { LogTails } from './log-tails.js';
import { readStepLog } from './step-log-reader.js';
import type { LogSource } from './step-log-reader.js';
import { mayHavePrinted } from './unread-step.js';

export interface FollowLogsRequest {
  readonly attempt: Attempt;
  readonly sink: LogSink;
  readonly signal: AbortSignal;
  readonly connection: () => ClusterConnection;
  readonly views: AttemptViews;
  readonly tails: LogTails;
  readonly overdue: OverduePods;
  readonly endedReads: EndedReads;
  readonly clock: Clock;
}

/** Steps of one task are ordered inside this span; tasks by their place in the pipeline. */
const STEPS_PER_TASK = 100;
/** Looks again at least so often, in case a change was missed; once the run has ended, also for what time decides. */
const LOOK_AGAIN_MS = { running: 30_000, ended: 2_000 };

/**
 * Follows every step of an attempt from the moment its container starts, each in its own reader, until the run has ended
 * and all of them are read. A step is sealed empty only when it provably never started; one whose pod went before it was
 * read to its end leaves a gap.
 *
 * Nothing is concluded from what the watches do not know: when they forget the attempt, because its shard is given up,
 * this ends with LeaseLost, and whoever holds the shard then reads on.
 */
export async function followAttemptLogs(request: FollowLogsRequest): Promise<void> {
  const { attempt, views, signal } = request;
  const stop = new AbortController();
  const inner: FollowLogsRequest = { ...request, signal: AbortSignal.any([signal, stop.signal]) };
  const readers = new Map<string, Promise<void>>();
  const read = new Set<string>();
  let failure: unknown;
  let shown = false;
  let confirmed: Confirmed = 'notYet';
  try {
    for (;;) {
      signal.throwIfAborted();
      if (stop.signal.aborted) throw failure;
      const seen: SeenAttempt = shown ? watched(request) : views.find(attempt.executionId);
      shown ||= seen.run !== undefined;
      for (const { key, step, start } of startable(seen, inner, readers)) {
        const running = start();
        readers.set(key, running);
        read.add(logStepKey(step));
        running.catch((error: unknown) => {
          failure ??= error;
          stop.abort();
        });
      }
      if (!isFinished(seen, request.overdue)) confirmed = 'notYet';
      else {
        if (confirmed !== 'notYet') break;
        confirmed = await confirm(request, seen);
        if (confirmed !== 'notYet') continue;
      }
      await nextChange(inner, isOver(seen) ? LOOK_AGAIN_MS.ended : LOOK_AGAIN_MS.running);
    }
    await Promise.all(readers.values());
    await sealUnread(inner, watched(inner), read, confirmed === 'whole');
  } finally {
    stop.abort();
    await Promise.allSettled(readers.values());
  }
}

/**
 * Of an attempt that is over: every TaskRun of it is known (`whole`); it went before it could be read, and nobody knows
 * whether there was another one (`gone`); it could not be read now, or the run or a TaskRun goes on (`notYet`).
 */
type Confirmed = 'whole' | 'gone' | 'notYet';

/**
 * The watches of runs, TaskRuns and pods are not in step: the end of a run may be seen before a pod of it is. So once it
 * has ended what there is of it is read, and what no watch has told yet is added. Tekton ends a run that is cancelled
 * before its TaskRuns, whose pods may still come.
 */
async function confirm(
  { attempt, views, connection, endedReads }: FollowLogsRequest,
  { run, runGone }: SeenAttempt,
): Promise<Confirmed> {
  try {
    // What was read before it went says that it is there.
    const isThere = run !== undefined && !runGone;
    const read = await (isThere ? endedReads.read(connection(), attempt, run) : readAttempt(connection(), attempt));
    if (read === undefined) return 'gone';
    views.addMissing(read.view);
    return areAllEnded(read) ? 'whole' : 'notYet';
  } catch (error) {
    if (isDomainError(error)) return 'notYet';
    throw error;
  }
}

interface Reader {
  readonly key: string;
  readonly step: LogStep;
  readonly start: () => Promise<void>;
}

/** Containers that have started and are not read yet. */
function* startable(
  seen: SeenAttempt,
  request: FollowLogsRequest,
  readers: ReadonlyMap<string, unknown>,
): Generator<Reader> {
  for (const pod of seen.pods) {
    for (const container of pod.containers) {
      const key = `${pod.uid}/${container.name}`;
      const started = container.state === 'running' || container.state === 'terminated';
      if (container.init || !container.name.startsWith('step-') || !started || readers.has(key)) continue;
      const step = logStep(request.attempt, seen, pod, container.name);
      yield { key, step, start: () => readContainer(request, step, pod, container.name) };
    }
  }
}

async function readContainer(
  request: FollowLogsRequest,
  step: LogStep,
  pod: PodView,
  container: string,
): Promise<void> {
  const { attempt, tails, connection, sink, clock, signal } = request;
  const key = tailKey(pod.name, container);
  let whole = false;
  tails.start(attempt.executionId, key);
  try {
    whole = await readStepLog({
      connection,
      source: podSource(request, pod, container),
      step,
      sink,
      clock,
      signal,
      onLines: (lines) => tails.add(attempt.executionId, key, lines),
    });
  } finally {
    tails.end(attempt.executionId, key, whole ? 'whole' : 'cut');
  }
}

/** What the watches know of an attempt whose run they have shown. @throws DomainError LeaseLost when they know it no more */
function watched({ attempt, views }: FollowLogsRequest): SeenAttempt {
  const seen = views.find(attempt.executionId);
  if (seen.run === undefined) throw forgotten(attempt);
  return seen;
}

function forgotten({ name }: Attempt): DomainError {
  return new DomainError({
    kind: 'Conflict',
    reason: 'LeaseLost',
    message: `Attempt ${name} is not watched here any more; its log is read on by whoever holds its shard.`,
  });
}

function podSource(request: FollowLogsRequest, pod: PodView, container: string): LogSource {
  const { attempt, views } = request;
  // The watches are not in step: that of runs may have told nothing yet, or be silent, while that of pods goes on.
  const now = (): PodView | undefined => {
    const { run, pods } = views.find(attempt.executionId);
    const current = pods.find(({ uid }) => uid === pod.uid);
    if (current === undefined && run === undefined) throw forgotten(attempt);
    return current;
  };
  return {
    namespace: pod.namespace,
    pod: pod.name,
    container,
    sight: () => {
      const current = now();
      const state = current?.containers.find(({ name }) => name === container)?.state;
      if (state === 'terminated') return 'over';
      if (current === undefined || current.gone) return 'gone';
      return state === 'running' ? 'running' : 'waiting';
    },
    isDeleting: () => {
      const current = now();
      return current === undefined || current.gone || current.deletionGraceMs !== undefined;
    },
    onChange: (callback) => views.listen(attempt.executionId, callback),
  };
}

/** `<task>/<step>`; a retry's pod is a step of its own, `<step>-retry1`. */
function logStep(attempt: Attempt, seen: SeenAttempt, pod: PodView, container: string): LogStep {
  const tasks = pipelineTasks(attempt);
  const task = Math.max(0, tasks.indexOf(pod.pipelineTask));
  const steps = pod.containers.filter(({ init, name }) => !init && name.startsWith('step-'));
  const step = steps.findIndex(({ name }) => name === container);
  const earlier = seen.pods.filter((other) => other.taskRun === pod.taskRun && other.createdAt < pod.createdAt).length;
  const name = container.slice('step-'.length);
  return {
    task: pod.pipelineTask,
    step: earlier === 0 ? name : `${name}-retry${earlier}`,
    ordinal: task * STEPS_PER_TASK + earlier * steps.length + step + 1,
  };
}

function pipelineTasks(attempt: Attempt): readonly string[] {
  const document = JSON.parse(attempt.document) as {
    spec?: { pipelineSpec?: { tasks?: readonly { name: string }[] } };
  };
  return (document.spec?.pipelineSpec?.tasks ?? []).map(({ name }) => name);
}

/** Nothing of the attempt will write any more: the run has ended (or is gone) and no container lives. */
function isFinished(seen: SeenAttempt, overdue: OverduePods): boolean {
  return isOver(seen) && podsOver(seen.pods, overdue.has);
}

function isOver({ run, runGone }: SeenAttempt): boolean {
  return runGone || (run !== undefined && isEnded(run.verdict));
}

/**
 * Seals the steps that no reader sealed: those that never started are empty; one that may have started in a pod that
 * nobody saw running is a gap, and so is one of a task that nobody saw, unless `areAllKnown`.
 */
async function sealUnread(
  { attempt, sink, clock }: FollowLogsRequest,
  seen: SeenAttempt,
  read: ReadonlySet<string>,
  areAllKnown: boolean,
): Promise<void> {
  for (const [index, task] of pipelineTasks(attempt).entries()) {
    const taskRun = seen.taskRuns.find(({ pipelineTask }) => pipelineTask === task);
    const names = taskRun === undefined || taskRun.steps.length === 0 ? [task] : taskRun.steps.map(({ step }) => step);
    for (const [order, name] of names.entries()) {
      const step = { task, step: name, ordinal: index * STEPS_PER_TASK + order + 1 };
      const known = taskRun?.steps[order];
      const container = known?.container ?? `step-${name}`;
      const mayBeMissing = mayHavePrinted(taskRun, known, container, { pods: seen.pods, isLast: areAllKnown });
      const missed = !read.has(logStepKey(step)) && mayBeMissing;
      if (missed && !(await sink.cursor(step)).ended) {
        const pod = taskRun?.podName ?? '';
        const message =
          pod === ''
            ? `The run was gone before the log of task ${task} could be read; it may have printed something.`
            : `Pod ${pod} was gone before its log was read.`;
        await sink.append(step, [gapRecord(clock.now().toISOString(), 'PodDeleted', message)]);
      }
      await sink.end(step);
    }
  }
}

/** Waits for a change of the attempt, or for the end of following it; no longer than `ms`. */
async function nextChange({ attempt, views, clock, signal }: FollowLogsRequest, ms: number): Promise<void> {
  if (signal.aborted) return;
  const waiting = new AbortController();
  const wake = (): void => waiting.abort();
  const undo = views.listen(attempt.executionId, wake);
  // Not AbortSignal.any: each of those leaves something behind on a signal that lives as long as the attempt.
  signal.addEventListener('abort', wake);
  await clock.sleep(ms, waiting.signal).catch(() => undefined);
  signal.removeEventListener('abort', wake);
  undo();
}
