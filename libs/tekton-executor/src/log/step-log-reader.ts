import { isDomainError } from '@image-factory/domain';
import type { Clock, LogRecord, LogSink, LogStep } from '@image-factory/domain';
import type { ClusterConnection } from '@image-factory/cluster-connectors';
import { KUBE_PATHS } from '../attempt/kube-paths.js';
import { backOffMs } from '../follow/back-off.js';
import { LogLineParser } from './log-line-parser.js';
import type { LogLine } from './log-line-parser.js';
import { gapRecord, PositionTracker } from './log-position.js';
import { StoredLineFilter } from './stored-line-filter.js';
import type { Filtered } from './stored-line-filter.js';

/** A container whose log is read, and what is known of it now. */
export interface LogSource {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /**
   * `over`: terminated. `gone`: its pod is, as far as the watches know; those that have just been opened may not have heard
   * of it yet. @throws DomainError LeaseLost when nothing is known of it any more
   */
  sight(): 'waiting' | 'running' | 'over' | 'gone';
  /** The pod is being deleted, or gone: it may not be there for another read. */
  isDeleting(): boolean;
  /** Calls back when `sight` may have changed. Returns the undoing. */
  onChange(callback: () => void): () => void;
}

export interface StepLogRequest {
  readonly connection: () => ClusterConnection;
  readonly source: LogSource;
  readonly step: LogStep;
  readonly sink: LogSink;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Every stored line, for the tail that a failure shows. */
  readonly onLines: (lines: readonly LogLine[]) => void;
}

/** Once the container is over, a follow that is silent for so long has no more to give. */
const QUIET_MS = 250;
/** The same for a pod that is being deleted: its follow is left to end by itself, because no other read may come. */
const DELETING_QUIET_MS = 5_000;
/** A follow that is silent for so long is doubted and opened again: half-open connections and rotation look so. */
const IDLE_MS = 120_000;
/** A read without follow has all its bytes at once: one that is silent for so long is broken. */
const STALL_MS = 15_000;
/** A follow whose lines are held back, because the stored end was not found, gives it up after so much silence. */
const SETTLE_MS = 1_000;
const BACK_OFF_MS = { first: 100, most: 15_000 };
/** Of a pod that is being deleted less is left by the time. */
const DELETING_BACK_OFF_MS = { first: 100, most: 5_000 };

/** How one reading of the log ended. `unfound`: whole, and without the end of what is stored. */
type ReadEnd = 'end' | 'unfound' | 'interrupted' | 'broken' | 'gone' | 'notStarted';

/**
 * Reads one container's log into the sink, from its start or from where the stored log ends, to its end.
 *
 * Modes: `following` while the container runs: the stream is opened again when it breaks, ends early (rotation) or is
 * silent for long; `finishing` once it is over: one read without follow from the stored end, which also gives a last line
 * without line feed; then sealed. What cannot be read any more leaves a gap, unless the last follow had ended by itself:
 * that one had given all. A pod that is said to be gone, and whose log can be read, is there: it is looked at again.
 *
 * Appending is awaited: a slow sink slows the stream, it never grows memory. What the sink throws (LeaseLost) ends this.
 *
 * Returns whether all of it was read here, from its start to its end.
 */
export async function readStepLog(request: StepLogRequest): Promise<boolean> {
  const { sink, step, source, clock, signal } = request;
  const cursor = await sink.cursor(step);
  if (cursor.ended) return false;
  const reading = new Reading(request, new PositionTracker(cursor));
  let failures = 0;
  let whole = false;
  for (;;) {
    signal.throwIfAborted();
    const sight = source.sight();
    const finishing = isOver(sight);
    const before = reading.linesRead;
    const end = await reading.once(!finishing);
    if (end === 'end' && sight === 'over') {
      whole = true;
      break;
    }
    if (end === 'gone' || ((end === 'notStarted' || end === 'unfound') && finishing)) {
      if (!whole) await reading.gap(...(end === 'gone' ? podDeleted(source) : logUnknown(source)));
      break;
    }
    // A follow that is only silent while the container runs has given all that there was, not all that will be.
    const gaveNothing = end === 'interrupted' || end === 'unfound';
    whole = (end === 'end' && sight !== 'gone') || (whole && gaveNothing && isOver(source.sight()));
    failures = reading.linesRead > before ? 0 : failures + 1;
    if (end === 'interrupted') continue;
    const backOff = source.isDeleting() ? DELETING_BACK_OFF_MS : BACK_OFF_MS;
    await changeOr(source, clock, backOffMs(failures, backOff), signal);
  }
  await sink.end(step);
  return whole && !reading.endsInWords && cursor.lastTime === undefined;
}

function isOver(sight: ReturnType<LogSource['sight']>): boolean {
  return sight === 'over' || sight === 'gone';
}

function podDeleted({ pod, container }: LogSource): readonly [string, string] {
  return ['PodDeleted', `Pod ${pod} was deleted before the log of ${container} was read to its end.`];
}

/** A container that was seen to start, and whose node says that it has no log of it. */
function logUnknown({ pod, container }: LogSource): readonly [string, string] {
  return ['LogGap', `The node of pod ${pod} has no log of ${container} any more; it was not read to its end.`];
}

/** One container's reading over several requests. */
class Reading {
  linesRead = 0;
  /** The node's own words came last, and not a line of the log. */
  endsInWords = false;
  readonly #request: StepLogRequest;
  readonly #tracker: PositionTracker;

  constructor(request: StepLogRequest, tracker: PositionTracker) {
    this.#request = request;
    this.#tracker = tracker;
  }

  /** Opens the log once and appends what is new. */
  async once(follow: boolean): Promise<ReadEnd> {
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#request.signal, stop.signal]);
    let body: AsyncIterable<Uint8Array>;
    try {
      body = await this.#open(follow, signal);
    } catch (error) {
      this.#request.signal.throwIfAborted();
      return failedOpen(error);
    }
    const watch = new StreamWatch(this.#request.source, this.#request.clock, follow);
    try {
      return await this.#pump(body, watch, follow);
    } finally {
      watch.close();
      stop.abort();
    }
  }

  async gap(reason: string, message: string): Promise<void> {
    const time = this.#tracker.position.lastTime ?? this.#request.clock.now().toISOString();
    await this.#append([gapRecord(time, reason, message)]);
  }

  async #open(follow: boolean, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const { connection, source } = this.#request;
    const { lastTime } = this.#tracker.position;
    const { body } = await connection().stream({
      requestClass: 'logs',
      method: 'GET',
      path: KUBE_PATHS.podLog(source.namespace, source.pod),
      query: { container: source.container, timestamps: true, follow: follow ? true : undefined, sinceTime: lastTime },
      accept: '*/*',
      signal,
    });
    return body as AsyncIterable<Uint8Array>;
  }

  async #pump(body: AsyncIterable<Uint8Array>, watch: StreamWatch, follow: boolean): Promise<ReadEnd> {
    const parser = new LogLineParser();
    const filter = new StoredLineFilter(this.#tracker.position);
    const chunks = body[Symbol.asyncIterator]();
    let next = settled(chunks.next());
    for (;;) {
      const event = await watch.race(next, filter.holds);
      this.#request.signal.throwIfAborted();
      if (event === 'stalled') return 'broken';
      if (event === 'quiet') {
        await this.#take(filter.settle());
        return 'interrupted';
      }
      if (event === 'held') {
        await this.#take(filter.settle());
        continue;
      }
      if (event.kind === 'failed') return 'broken';
      if (event.result.done === true) break;
      await this.#take(filter.push(parser.push(event.result.value)));
      next = settled(chunks.next());
    }
    // A rest without line feed is the log's last line only when the container is over; else it comes again.
    const rest = parser.end();
    if (!follow) await this.#take(filter.push(rest));
    await this.#take(filter.settle());
    if (follow && rest.length > 0) return 'broken';
    return filter.seeks ? 'unfound' : 'end';
  }

  async #take({ lines, gap }: Filtered): Promise<void> {
    if (lines.length === 0) return;
    if (gap)
      await this.gap(
        'LogGap',
        'The log was rotated away on its node before all of it was read; lines are missing here.',
      );
    this.linesRead += lines.length;
    this.endsInWords = lines.at(-1)?.time === undefined;
    await this.#append(this.#tracker.records(lines, this.#request.clock.now()));
    this.#request.onLines(lines);
  }

  async #append(records: readonly LogRecord[]): Promise<void> {
    await this.#request.sink.append(this.#request.step, records);
  }
}

type Next = { readonly kind: 'chunk'; readonly result: IteratorResult<Uint8Array> } | { readonly kind: 'failed' };

/** A pending read as a value that never rejects, so that it may lose a race. */
function settled(next: Promise<IteratorResult<Uint8Array>>): Promise<Next> {
  return next.then(
    (result) => ({ kind: 'chunk', result }),
    () => ({ kind: 'failed' }),
  );
}

/** Decides when a stream has been silent for long enough. */
class StreamWatch {
  readonly #changed = new ChangeFlag();
  readonly #undo: () => void;

  constructor(
    private readonly source: LogSource,
    private readonly clock: Clock,
    private readonly follow: boolean,
  ) {
    this.#undo = source.onChange(() => this.#changed.raise());
  }

  /**
   * The next chunk, or `quiet` when none comes and none will, or `held` when held lines have waited long enough, or
   * `stalled` when a read that should not wait does.
   */
  async race(next: Promise<Next>, holds: boolean): Promise<Next | 'quiet' | 'held' | 'stalled'> {
    if (!this.follow) return this.#orSilent(next, STALL_MS).then((event) => (event === 'silent' ? 'stalled' : event));
    for (;;) {
      const over = isOver(this.source.sight());
      const waitMs = over ? (this.source.isDeleting() ? DELETING_QUIET_MS : QUIET_MS) : holds ? SETTLE_MS : IDLE_MS;
      const event = await this.#orSilent(over ? next : Promise.race([next, this.#changed.raised()]), waitMs);
      if (event === 'changed') continue;
      if (event !== 'silent') return event;
      return holds && !over ? 'held' : 'quiet';
    }
  }

  async #orSilent<T>(next: Promise<T>, ms: number): Promise<T | 'silent'> {
    const timer = new AbortController();
    const silence = this.clock.sleep(ms, timer.signal).then(
      () => 'silent' as const,
      () => 'silent' as const,
    );
    try {
      return await Promise.race([next, silence]);
    } finally {
      timer.abort();
    }
  }

  close(): void {
    this.#undo();
  }
}

class ChangeFlag {
  #resolve: (() => void) | undefined;
  #promise: Promise<'changed'> | undefined;

  raise(): void {
    this.#resolve?.();
    this.#promise = undefined;
  }

  raised(): Promise<'changed'> {
    this.#promise ??= new Promise((resolve) => {
      this.#resolve = () => resolve('changed');
    });
    return this.#promise;
  }
}

function failedOpen(error: unknown): ReadEnd {
  if (!isDomainError(error)) return 'broken';
  if (error.reason === 'ObjectNotFound') return 'gone';
  // 400: "container … is waiting to start", or a container that the kubelet does not know (yet).
  return error.reason === 'ObjectInvalid' ? 'notStarted' : 'broken';
}

/** Waits for a change of the source, at most `ms`. */
async function changeOr(source: LogSource, clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  const timer = new AbortController();
  const undo = source.onChange(() => timer.abort());
  await clock.sleep(ms, AbortSignal.any([timer.signal, signal])).catch(() => undefined);
  undo();
}
