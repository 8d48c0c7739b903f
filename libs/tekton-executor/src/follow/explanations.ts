import { type Attempt, type Clock, isDomainError } from '@image-factory/domain';
import type { ClusterConnection } from '@image-factory/cluster-connectors';
import type { Logger } from '@image-factory/telemetry';
import { type LogTails, tailKey } from '../log/log-tails.js';
import { type AttemptView, podOf } from '../status/attempt-view.js';
import { failedContainer, needsEvents, needsTail } from '../status/classify-failure.js';
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
/** From the first read that failed until an end is told without it; a log that is sealed late is waited for longer. */
const PATIENCE_MS = 30_000;
const AGAIN_MS = 2_000;
const EVENTS_TTL_MS = 5_000;

interface Waited {
  readonly sinceMs: number;
  readonly nextMs: number;
}

/**
 * The last lines of a failed step and a pod's events: they explain a state that the API server tells by itself. A node that
 * is away answers for no log, and events may have a store of their own, so an end waits for them only so long, and what goes
 * on not at all.
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

  /** It was tried a moment ago, in vain. */
  isWaiting(executionId: string): boolean {
    return this.clock.monotonicMs() < (this.#waited.get(executionId)?.nextMs ?? 0);
  }

  /** Of a run that has ended; undefined: it cannot be read now, and is worth another try. */
  async ofEnd(connection: ClusterConnection, attempt: Attempt, view: AttemptView): Promise<Explanation | undefined> {
    const { executionId } = attempt;
    const nowMs = this.clock.monotonicMs();
    const sinceMs = this.#waited.get(executionId)?.sinceMs ?? nowMs;
    // Before the read: who forgets the execution meanwhile leaves nothing behind.
    this.#waited.set(executionId, { sinceMs, nextMs: nowMs + AGAIN_MS });
    try {
      const found = await this.#read(connection, attempt, view);
      this.#waited.delete(executionId);
      return found;
    } catch (error) {
      if (!isDomainError(error)) throw error;
      if (nowMs - sinceMs < PATIENCE_MS) return undefined;
      this.#waited.delete(executionId);
      this.logger.warn('an end is told without what would explain it', { execution: executionId, error });
      const failed = failedContainer(view);
      const followed = failed && this.tails.find(executionId, tailKey(failed.pod, failed.container));
      return { tail: { lines: followed?.lines ?? [], isUnread: true }, events: [] };
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

  /** From the pod while it is there; else what was followed here. */
  async #tail(connection: ClusterConnection, attempt: Attempt, view: AttemptView): Promise<LogTail | undefined> {
    const failed = failedContainer(view);
    if (failed === undefined) return undefined;
    const read = await readLogTail(connection, attempt.place.namespace, failed.pod, failed.container);
    return read ?? this.tails.find(attempt.executionId, tailKey(failed.pod, failed.container));
  }
}
