import { DomainError, isDomainError } from '@image-factory/domain';
import type { Attempt, AttemptObservation, Clock, PresentAttempt, PrepareRequest } from '@image-factory/domain';
import type { ClusterConnection, RequestClass } from '@image-factory/cluster-connectors';
import type { Logger } from '@image-factory/telemetry';
import type { LogTails } from '../log/log-tails.js';
import { clusterUidOf, readClusterUid } from '../place/cluster-uid.js';
import { isEnded, podOf } from '../status/attempt-view.js';
import type { AttemptView } from '../status/attempt-view.js';
import type { LogTail } from '../status/log-tail.js';
import { pipelineRunStatus } from '../status/pipeline-run-status.js';
import { isOver, podsOver, podsProvedOver } from '../status/pods-over.js';
import type { OverduePods } from '../status/pods-over.js';
import { stepTimes } from '../status/step-times.js';
import type { AttemptViews, SeenAttempt } from './attempt-views.js';
import type { EndedReads } from './ended-reads.js';
import { type Explanation, Explanations } from './explanations.js';
import type { EventObject } from './kube-objects.js';
import { finalDocument, readAttempt, readPods } from './read-attempt.js';
import type { ReadAttempt } from './read-attempt.js';
import type { PodView, RunView, TaskRunView } from './run-views.js';
import type { WatchKeeper } from './watch-keeper.js';

export interface AttemptObserverOptions {
  readonly keeper: WatchKeeper;
  readonly views: AttemptViews;
  readonly tails: LogTails;
  readonly overdue: OverduePods;
  readonly endedReads: EndedReads;
  /** Something that preparation makes is missing in the attempt's namespace. */
  readonly onPlaceBroken: (request: PrepareRequest) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** An ended run as it was read once: everything that its verdict is a function of. */
interface Ended {
  readonly uid: string;
  readonly read: ReadAttempt;
  /** Undefined until it could be read. */
  explanation: Explanation | undefined;
}

/** Events are listed for a TaskRun that has waited so long. */
const EVENTS_AFTER_MS = 4_000;

const UNEXPLAINED = { tail: undefined, events: [], document: '' };

/** Ends that mean that the namespace lacks what preparation makes. */
const PLACE_BROKEN = new Set(['TaskMissing', 'ServiceAccountMissing']);

/**
 * Answers what is true of an attempt: from the watches while it goes on, from one whole read once it has ended, from a
 * direct read where the watches do not have it or are stale: what they keep of a cluster that is away is no contact.
 * `absent` is said only of the same cluster, after the first lists.
 */
export class AttemptObserver {
  readonly #options: AttemptObserverOptions;
  readonly #ended = new Map<string, Ended>();
  /** The TaskRun that an execution waits for, and since when it is seen to, by the monotonic clock. */
  readonly #waits = new Map<string, { readonly taskRun: string; readonly sinceMs: number }>();

  readonly #explanations: Explanations;

  constructor(options: AttemptObserverOptions) {
    this.#options = options;
    this.#explanations = new Explanations(options.tails, options.clock, options.logger);
  }

  async observe(attempt: Attempt): Promise<AttemptObservation> {
    try {
      const connection = this.#options.keeper.connection();
      await sameCluster(connection, attempt, 'status');
      return await this.#look(connection, attempt);
    } catch (error) {
      if (isDomainError(error)) return { kind: 'unreachable', reason: error.reason, message: error.message };
      throw error;
    }
  }

  forget(executionId: string): void {
    this.#ended.delete(executionId);
    this.#waits.delete(executionId);
    this.#explanations.forget(executionId);
  }

  async #look(connection: ClusterConnection, attempt: Attempt): Promise<AttemptObservation> {
    const seen = this.#options.views.find(attempt.executionId);
    const { keeper } = this.#options;
    const watches = keeper.covering(attempt.shard);
    const watched = !keeper.isStale && watches?.runs().has(`${attempt.place.namespace}/${attempt.name}`) === true;
    if (seen.run !== undefined && seen.runGone && watches !== undefined)
      return this.#gone(connection, attempt, seen, seen.run);
    if (seen.run === undefined || !watched) return this.#direct(connection, attempt, seen, watches !== undefined);
    const view: AttemptView = { run: seen.run, taskRuns: seen.taskRuns, pods: seen.pods };
    return isEnded(seen.run.verdict) ? this.#ending(connection, attempt, view) : this.#going(connection, attempt, view);
  }

  /**
   * The watches do not have it (yet), or have proved nothing for too long: the API server is asked. One that is gone
   * costs a request until the breaker is open, and nothing from then on.
   */
  async #direct(
    connection: ClusterConnection,
    attempt: Attempt,
    seen: SeenAttempt,
    mayBeAbsent: boolean,
  ): Promise<AttemptObservation> {
    const read = await readAttempt(connection, attempt);
    if (read === undefined) {
      return mayBeAbsent
        ? this.#missing(connection, attempt, seen)
        : {
            kind: 'unreachable',
            reason: 'ClusterUnreachable',
            message: 'The run is not there, but the first lists of the watches are not in yet',
          };
    }
    const { run, pods } = read.view;
    const seenPods = seen.pods.filter(({ runUid }) => runUid === undefined || runUid === run.uid);
    const view = { ...read.view, pods: podsByRead(seenPods, pods) };
    return isEnded(run.verdict) ? this.#ending(connection, attempt, view) : this.#going(connection, attempt, view);
  }

  /**
   * The run is not there. Its end was seen: that is its verdict, though the watches that told it have missed the deletion,
   * or are not believed any more. While a pod of it lives, the attempt is not over, whether anybody here saw the run or not
   * (rule 15): its pods may have been left behind, or have their grace still. All the time since the first of them was
   * made counts as run time, so that the run's limit ends it too.
   */
  async #missing(connection: ClusterConnection, attempt: Attempt, seen: SeenAttempt): Promise<AttemptObservation> {
    const pods = await this.#podsThere(connection, attempt, seen.pods);
    const run = this.#endedRun(attempt, seen.run);
    if (run !== undefined) return this.#ending(connection, attempt, { run, taskRuns: seen.taskRuns, pods });
    const live = pods.filter((pod) => !isOver(pod, this.#options.overdue.has));
    if (live.length === 0) return { kind: 'absent' };
    const sinceMs = Math.min(...live.map(({ createdAt }) => createdAt.getTime()));
    return {
      kind: 'present',
      uid: attempt.uid ?? live[0]?.runUid ?? '',
      phase: 'running',
      waiting: undefined,
      firstStepStartedAt: undefined,
      runSeconds: Math.max(0, this.#options.clock.now().getTime() - sinceMs) / 1000,
      waitingSince: undefined,
      endedAt: undefined,
      podsOver: false,
      podsProvedOver: false,
      end: undefined,
    };
  }

  /**
   * The attempt's pods by a read of the API server, which also decides about those that it does not have: so it has to be
   * the attempt's own cluster that is asked, now.
   */
  async #podsThere(
    connection: ClusterConnection,
    attempt: Attempt,
    seen: readonly PodView[],
  ): Promise<readonly PodView[]> {
    const read = await readPods(connection, attempt, 'status');
    await sameClusterNow(connection, attempt, 'status');
    return podsByRead(mergePods(this.#ended.get(attempt.executionId)?.read.view.pods ?? [], seen), read);
  }

  async #going(connection: ClusterConnection, attempt: Attempt, view: AttemptView): Promise<PresentAttempt> {
    const { clock } = this.#options;
    const { waiting } = stepTimes(view, clock.now());
    const pod = waiting === undefined ? undefined : podOf(view, waiting);
    const long = waiting !== undefined && this.#waitedMs(attempt, waiting.uid) > EVENTS_AFTER_MS;
    const events = pod !== undefined && long ? await this.#explanations.ofWait(connection, attempt, pod) : [];
    return this.#status(attempt, view, { events, tail: undefined, document: '' });
  }

  /** As it is seen from here: the TaskRun's own time is its cluster's, whose clock may be ahead. */
  #waitedMs({ executionId }: Attempt, taskRun: string): number {
    const nowMs = this.#options.clock.monotonicMs();
    const known = this.#waits.get(executionId);
    if (known?.taskRun === taskRun) return nowMs - known.sinceMs;
    this.#waits.set(executionId, { taskRun, sinceMs: nowMs });
    return 0;
  }

  async #ending(connection: ClusterConnection, attempt: Attempt, view: AttemptView): Promise<PresentAttempt> {
    const ended = await this.#readEnd(connection, attempt, view);
    const first = ended.explanation === undefined;
    const { taskRuns } = this.#options.views.find(attempt.executionId);
    const newest: AttemptView = {
      run: ended.read.view.run,
      taskRuns: taskRunsByRead(ended.uid, taskRuns, ended.read.view.taskRuns),
      pods: newestPods(ended, view.pods),
    };
    ended.explanation ??= await this.#explanations.ofEnd(connection, attempt, newest);
    const explanation = ended.explanation ?? UNEXPLAINED;
    const status = this.#status(attempt, newest, { ...explanation, document: ended.read.document });
    const told = ended.explanation === undefined ? { ...status, end: undefined } : status;
    if (first && told.end !== undefined && PLACE_BROKEN.has(told.end.reason)) this.#options.onPlaceBroken(attempt);
    return told.podsOver ? told : { ...told, ...(await this.#podsByNow(connection, attempt, ended, view)) };
  }

  /**
   * The run's deletion was seen, or it is not known to watches that took over from others, and may lag behind those. Ended
   * before: its last state is the verdict, unless the API server has it still. Not ended: while its pods live on it is
   * shown as it was. Then the API server itself is asked, also because a late create may have made it anew: only what is
   * not there is `absent`, and the caller looks for the attempt's image before it judges (rule 15).
   */
  async #gone(
    connection: ClusterConnection,
    attempt: Attempt,
    seen: SeenAttempt,
    run: RunView,
  ): Promise<AttemptObservation> {
    const { isStale } = this.#options.keeper;
    const pods = isStale ? await this.#podsThere(connection, attempt, seen.pods) : seen.pods;
    const view: AttemptView = { run, taskRuns: seen.taskRuns, pods };
    const endedRun = this.#endedRun(attempt, run);
    if (endedRun !== undefined) return this.#ending(connection, attempt, { ...view, run: endedRun });
    if (podsOver(view.pods, this.#options.overdue.has)) return this.#direct(connection, attempt, seen, true);
    return this.#status(attempt, view, UNEXPLAINED);
  }

  /** The last state of a run that is gone, when that was its end. */
  #endedRun({ executionId }: Attempt, seen: RunView | undefined): RunView | undefined {
    const run = this.#ended.get(executionId)?.read.view.run ?? seen;
    return run !== undefined && isEnded(run.verdict) ? run : undefined;
  }

  async #readEnd(connection: ClusterConnection, attempt: Attempt, view: AttemptView): Promise<Ended> {
    const known = this.#ended.get(attempt.executionId);
    if (known?.uid === view.run.uid) return known;
    const there = await this.#options.endedReads.read(connection, attempt, view.run);
    const isIt = there?.view.run.uid === view.run.uid && isEnded(there.view.run.verdict);
    const read: ReadAttempt = isIt
      ? { ...there, view: { ...there.view, pods: podsByRead(view.pods, there.view.pods) } }
      : {
          document: lastDocument(view.run),
          view: { ...view, pods: await this.#podsThere(connection, attempt, view.pods) },
        };
    const ended: Ended = { uid: view.run.uid, read, explanation: undefined };
    this.#ended.set(attempt.executionId, ended);
    return ended;
  }

  /** A pod that the watch does not know, or only misses, is looked up: it must not hold the attempt for ever. */
  async #podsByNow(
    connection: ClusterConnection,
    attempt: Attempt,
    ended: Ended,
    view: AttemptView,
  ): Promise<Partial<Pick<PresentAttempt, 'podsOver' | 'podsProvedOver'>>> {
    const isOverdue = this.#options.overdue.has;
    const known = told(view.pods);
    const unknown = ended.read.view.pods.some(
      (pod) => !known.some(({ uid }) => uid === pod.uid) && !isOver(pod, isOverdue),
    );
    if (!unknown) return {};
    const pods = await this.#podsThere(connection, attempt, known);
    return { podsOver: podsOver(pods, isOverdue), podsProvedOver: podsProvedOver({ ...ended.read.view, pods }) };
  }

  #status(
    attempt: Attempt,
    view: AttemptView,
    context: { tail: LogTail | undefined; events: readonly EventObject[]; document: string },
  ): PresentAttempt {
    return pipelineRunStatus(view, {
      stopIntent: attempt.stopIntent,
      buildMethod: attempt.buildMethod,
      now: this.#options.clock.now(),
      isOverdue: this.#options.overdue.has,
      finalDocument: context.document,
      tail: context.tail,
      events: context.events,
    });
  }
}

/** Absence and verdicts count only from the cluster that the attempt was placed on (rule 13). */
export async function sameCluster(
  connection: ClusterConnection,
  attempt: Attempt,
  requestClass: RequestClass,
): Promise<void> {
  if ((await clusterUidOf(connection, requestClass)) === attempt.place.clusterUid) return;
  await sameClusterNow(connection, attempt, requestClass);
}

/** A run is lost by its absence, and the address may lead to a rebuilt cluster since the connection was made. */
async function sameClusterNow(
  connection: ClusterConnection,
  attempt: Attempt,
  requestClass: RequestClass,
): Promise<void> {
  if ((await readClusterUid(connection, requestClass)) === attempt.place.clusterUid) return;
  throw new DomainError({
    kind: 'Conflict',
    reason: 'ProviderChanged',
    message: `Provider ${attempt.providerId} leads to another cluster than the one on which the attempt was placed. Point it back until its builds are over.`,
    fault: 'cluster',
    details: { outcome: 'refused' },
  });
}

/** Those that were read, and those that were deleted with their run before: what has ended stays so. */
function taskRunsByRead(
  runUid: string,
  seen: readonly TaskRunView[],
  read: readonly TaskRunView[],
): readonly TaskRunView[] {
  const merged = new Map(read.map((taskRun) => [taskRun.uid, taskRun]));
  for (const taskRun of seen.filter((one) => one.runUid === undefined || one.runUid === runUid)) {
    const known = merged.get(taskRun.uid);
    if (known === undefined || (isEnded(taskRun.verdict) && !isEnded(known.verdict))) merged.set(taskRun.uid, taskRun);
  }
  return [...merged.values()];
}

/** Those of an ended run as they were read, and as they are now. */
function newestPods(ended: Ended, now: readonly PodView[]): readonly PodView[] {
  return mergePods(ended.read.view.pods, told(now));
}

/** What the watches have told of pods: of one that is only missed, new ones may not have heard yet. */
function told(pods: readonly PodView[]): readonly PodView[] {
  return pods.filter(({ lastStateUnseen }) => !lastStateUnseen);
}

/**
 * A watch may be far behind: what it has shown before the read, and the read did not find, is gone, and nobody saw it go;
 * the rest is there.
 */
function podsByRead(seen: readonly PodView[], read: readonly PodView[]): readonly PodView[] {
  const there = new Set(read.map(({ uid }) => uid));
  return mergePods(
    seen.map((pod) => (there.has(pod.uid) ? { ...pod, gone: false } : missed(pod))),
    read,
  );
}

function missed(pod: PodView): PodView {
  return pod.gone ? pod : { ...pod, gone: true, lastStateUnseen: true };
}

/** `newer` wins; what only `older` knows stays, and so does what cannot be undone: a disruption, a deletion, its end. */
function mergePods(older: readonly PodView[], newer: readonly PodView[]): readonly PodView[] {
  const merged = new Map(older.map((pod) => [pod.uid, pod]));
  for (const pod of newer) {
    const known = merged.get(pod.uid);
    merged.set(pod.uid, {
      ...pod,
      disruption: pod.disruption ?? known?.disruption,
      deletionGraceMs: pod.deletionGraceMs ?? known?.deletionGraceMs,
      gone: pod.gone || known?.gone === true,
    });
  }
  return [...merged.values()];
}

/** A record of a run that is gone before it was read whole. */
function lastDocument(run: RunView): string {
  const { namespace, name, uid, verdict, results } = run;
  const conditions = [{ type: 'Succeeded', ...verdict }];
  return finalDocument({
    metadata: { namespace, name, uid, creationTimestamp: run.createdAt.toISOString() },
    status: { conditions, results: Object.entries(results).map(([key, value]) => ({ name: key, value })) },
  });
}
