import { type Attempt, type Clock, DomainError, isCancelIntent, isDomainError } from '@image-factory/domain';
import { type ClusterConnection, outcomeOf } from '@image-factory/cluster-connectors';
import type { Logger } from '@image-factory/telemetry';
import { findRun } from '../attempt/end-attempt.js';
import { type FollowedTail, type LogTails, tailKey } from '../log/log-tails.js';
import { type AttemptView, podOf } from '../status/attempt-view.js';
import { failedContainer, mayDecide, needsEvents, needsTail } from '../status/classify-failure.js';
import type { LogTail } from '../status/log-tail.js';
import type { EventObject } from './kube-objects.js';
import { readLogTail, readPodEvents } from './read-attempt.js';
import type { PodView } from './run-views.js';

/** What the reason of an end is told from, beside the run itself. */
export interface Explanation {
  readonly tail: LogTail | undefined;
  readonly events: readonly EventObject[];
}

const NOTHING: Explanation = { tail: undefined, events: [] };
/** So often it is asked for, or not even sent; then an end is told without it. */
const MOST_TRIES = 8;
const MOST_UNSENT = 60;
const AGAIN_MS = 2_000;
const EVENTS_TTL_MS = 5_000;

interface Waited {
  readonly tries: number;
  /** Tries that got no turn: no node was asked. */
  readonly unsent: number;
  readonly nextMs: number;
}

/**
 * The last lines of a failed step and a pod's events: they explain a state that the API server tells by itself. A node that
 * is away answers for no log, and events may have a store of their own, so an end waits for its last lines only so long, and
 * only where they may name another cause; what goes on waits for nothing.
 */
export class Explanations {
  /** Executions whose end could not be explained yet, by the monotonic clock. */
  readonly #waited = new Map<string, Waited>();
  readonly #events = new Map<string, { readonly atMs: number; readonly events: readonly EventObject[] }>();

  constructor(
    private readonly tails: LogTails,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /**
   * Of a run that has ended; undefined: it cannot be read now, and is worth another try.
   * @throws DomainError when the API server does not answer for the run either
   */
  async ofEnd(connection: ClusterConnection, attempt: Attempt, view: AttemptView): Promise<Explanation | undefined> {
    const { executionId } = attempt;
    const before = this.#waited.get(executionId) ?? { tries: 0, unsent: 0, nextMs: 0 };
    if (this.clock.monotonicMs() < before.nextMs) return undefined;
    this.#waited.set(executionId, before);
    try {
      const found = await this.#read(connection, attempt, view);
      this.#waited.delete(executionId);
      return found;
    } catch (error) {
      if (!isDomainError(error)) throw error;
      // While the API server is away nothing is said about who explains.
      await findRun(connection, attempt, 'status');
      const waited = nextWait(before, error, this.clock.monotonicMs());
      // Of a build that is cancelled there is no other attempt, whatever the cause is.
      if (waited !== undefined && mayDecide(view) && !isCancelIntent(attempt.stopIntent)) {
        // Who has forgotten the execution meanwhile has nothing left behind.
        if (this.#waited.has(executionId)) this.#waited.set(executionId, waited);
        return undefined;
      }
      this.#waited.delete(executionId);
      return { tail: this.#unread(attempt, view, error), events: this.#known(attempt) };
    }
  }

  /** Events of a pod that waits, as they were read last. */
  async ofWait(connection: ClusterConnection, attempt: Attempt, pod: PodView): Promise<readonly EventObject[]> {
    const { executionId } = attempt;
    const nowMs = this.clock.monotonicMs();
    const known = this.#events.get(executionId);
    if (known !== undefined && nowMs - known.atMs < EVENTS_TTL_MS) return known.events;
    const before = known?.events ?? [];
    this.#events.set(executionId, { atMs: nowMs, events: before });
    try {
      const events = await readPodEvents(connection, pod.namespace, pod.uid);
      if (this.#events.has(executionId)) this.#events.set(executionId, { atMs: nowMs, events });
      return events;
    } catch (error) {
      if (isDomainError(error)) return before;
      throw error;
    }
  }

  forget(executionId: string): void {
    this.#waited.delete(executionId);
    this.#events.delete(executionId);
  }

  async #read(connection: ClusterConnection, attempt: Attempt, view: AttemptView): Promise<Explanation> {
    if (needsTail(view)) return { tail: await this.#tail(connection, attempt, view), events: [] };
    if (!needsEvents(view, attempt.stopIntent)) return NOTHING;
    const unstarted = view.taskRuns.find(
      ({ verdict, steps }) => verdict.status === 'False' && steps.every(({ startedAt }) => startedAt === undefined),
    );
    const pod = unstarted === undefined ? undefined : podOf(view, unstarted);
    return pod === undefined
      ? NOTHING
      : { tail: undefined, events: await readPodEvents(connection, pod.namespace, pod.uid) };
  }

  /** What was followed here, if that is all of it; else from the pod, while that is there. */
  async #tail(connection: ClusterConnection, attempt: Attempt, view: AttemptView): Promise<LogTail | undefined> {
    const failed = failedContainer(view);
    if (failed === undefined) return undefined;
    if (this.#followed(attempt, view)?.state !== 'whole') {
      const read = await readLogTail(connection, attempt.place.namespace, failed.pod, failed.container);
      const followed = this.#followed(attempt, view);
      // Nothing printed is an answer, if nothing was followed either; a log that is not there any more is none.
      if (read !== undefined && (read.lines.length > 0 || (followed?.lines ?? []).length === 0)) return read;
      if (followed?.state === 'reading') throw stillRead(failed.container);
    }
    const followed = this.#followed(attempt, view);
    return followed?.state === 'whole' ? { lines: followed.lines } : this.#unread(attempt, view);
  }

  #followed(attempt: Attempt, view: AttemptView): FollowedTail | undefined {
    const failed = failedContainer(view);
    return failed && this.tails.find(attempt.executionId, tailKey(failed.pod, failed.container));
  }

  #unread(attempt: Attempt, view: AttemptView, error?: DomainError): LogTail {
    const { executionId } = attempt;
    this.logger.warn('an end is told without what would explain it', { execution: executionId, error });
    return { lines: this.#followed(attempt, view)?.lines ?? [], isUnread: true };
  }

  #known({ executionId }: Attempt): readonly EventObject[] {
    return this.#events.get(executionId)?.events ?? [];
  }
}

/** After a try that failed; undefined when there is to be no other. */
function nextWait({ tries, unsent }: Waited, error: DomainError, nowMs: number): Waited | undefined {
  const sent = outcomeOf(error) !== 'notSent';
  const next = { tries: sent ? tries + 1 : tries, unsent: sent ? unsent : unsent + 1, nextMs: nowMs + AGAIN_MS };
  return next.tries < MOST_TRIES && next.unsent < MOST_UNSENT ? next : undefined;
}

/** Who reads it will know soon whether that is all of it. */
function stillRead(container: string): DomainError {
  return new DomainError({
    kind: 'Unavailable',
    reason: 'ClusterUnavailable',
    message: `The log of ${container} is not there any more, and what was followed of it is not read to its end.`,
    fault: 'cluster',
    retryable: true,
  });
}
