import {
  DomainError,
  EXECUTION_START_STEP,
  isDomainError,
  logStepKey,
  type Clock,
  type LogCursor,
  type LogRecord,
  type LogStep,
} from '@image-factory/domain';
import {
  isConflictOrLockTimeout,
  type LogAnswer,
  type LogBatch,
  type PostgresBuildLogs,
} from '@image-factory/persistence';
import type { Logger, Metrics } from '@image-factory/telemetry';
import { backOffMs } from '../loop/back-off.js';
import { StepBuffer, type LogTarget, type TakenBatch } from './step-buffer.js';
import { StepBuffers } from './step-buffers.js';

export interface LogBatcherOptions {
  /** Flush as soon as this much memory waits (as all sizes here: texts and what each record costs beside)… */
  readonly flushBytes: number;
  /** …or the oldest has waited this long… */
  readonly flushAfterMs: number;
  /** …or somebody waits for it, as a step's end does: then at once, but so long after the last flush began. */
  readonly flushGapMs: number;
  /** Followers wait while this much is unwritten in the whole process: the bound of its memory. */
  readonly maxBufferedBytes: number;
  /** At most this much of one step goes into one transaction. */
  readonly maxBatchBytes: number;
}

export const LOG_BATCHER_DEFAULTS: LogBatcherOptions = {
  flushBytes: 64 * 1024,
  flushAfterMs: 250,
  flushGapMs: 50,
  maxBufferedBytes: 16 * 1024 * 1024,
  maxBatchBytes: 2 * 1024 * 1024,
};

export interface LogBatcherParts {
  readonly logs: PostgresBuildLogs;
  /** False once the lease may have ended: nothing is written until it is true again. */
  readonly mayWrite: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const RETRY = { baseMs: 250, capMs: 5_000 };

/**
 * One micro-batcher for all logs of the process: a few transactions a second, twenty at most, however many builds print
 * and end, and on however many shards.
 *
 * Records wait in a buffer per step until a flush writes them with a compare-and-set on the step's cursor; a step's end
 * goes with its last records. Memory is
 * bounded: when it is full, `append` waits, so a database that is down or a full disk makes followers wait and loses
 * nothing. A flush whose answer was lost is sent again and finds itself stored (correctness rule 2). A lost lease drops the
 * buffers of its shard: the new owner reads on from the cursor.
 */
export class LogBatcher {
  readonly #buffers = new StepBuffers();
  /** Those of which something waits. */
  readonly #dirty = new Set<StepBuffer>();
  readonly #room = new Set<() => void>();
  #bufferedBytes = 0;
  #timer: AbortController | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;
  #flushedAtMs = Number.NEGATIVE_INFINITY;
  #flushing: Promise<void> | undefined;
  /** Those whose shard or cursor somebody locks: left out of flushes for a while, so that the others go on. */
  readonly #locked = new Set<StepBuffer>();
  #lockedUntilMs = 0;
  #failures = 0;
  #closed = false;

  constructor(
    private readonly parts: LogBatcherParts,
    private readonly options: LogBatcherOptions = LOG_BATCHER_DEFAULTS,
  ) {}

  /** Memory that records take which are accepted and not stored yet, in bytes. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Steps of which something waits to be stored. */
  get waitingSteps(): number {
    return this.#dirty.size;
  }

  /**
   * Starts the step's buffer where its stored log ends: at `known`, when the reader knows it and nothing of the step is
   * buffered; else that is read, once what is buffered of it is written.
   */
  async open(target: LogTarget, step: LogStep, known?: LogCursor): Promise<LogCursor> {
    const { executionId } = target;
    const old = this.#buffers.get(executionId, step);
    if (old?.isDirty === true && old.target.fence.token === target.fence.token) {
      const drained = old.drained();
      this.#soon();
      await drained;
    }
    const believed = old === undefined ? known : undefined;
    const cursor = believed ?? (await this.parts.logs.cursor(executionId, step));
    if (this.#buffers.get(executionId, step) !== old) throw lost('another reader has opened the step meanwhile');
    if (old !== undefined) this.#drop(old, lost('the step is read anew'));
    this.#buffers.set(executionId, step, new StepBuffer(target, step, cursor.byteOffset));
    return cursor;
  }

  /** Resolves when the records are accepted: at once while there is room. @throws DomainError LeaseLost */
  async append(target: LogTarget, step: LogStep, records: readonly LogRecord[]): Promise<void> {
    const buffer = this.#bufferOf(target, step);
    while (this.#bufferedBytes >= this.options.maxBufferedBytes && buffer.failure === undefined) await this.#roomMade();
    if (buffer.failure !== undefined) throw buffer.failure;
    this.#bufferedBytes += buffer.add(records);
    this.#dirty.add(buffer);
    this.#schedule(this.#isFull ? 0 : this.options.flushAfterMs);
  }

  /**
   * Resolves when everything appended to the step since it was opened is stored, and that no more will come.
   * @throws DomainError LeaseLost, also when its buffer has gone meanwhile: then nobody knows what of it is stored
   */
  async end(target: LogTarget, step: LogStep): Promise<void> {
    const buffer = this.#bufferOf(target, step);
    const ended = buffer.end();
    this.#dirty.add(buffer);
    this.#soon();
    await ended;
    const { executionId } = target;
    if (this.#buffers.get(executionId, step) === buffer) this.#buffers.delete(executionId, step);
  }

  /** Writes what is buffered of the execution, for at most `graceMs`; what is not written is read again by whoever follows. */
  async settle(executionId: string, graceMs: number): Promise<void> {
    const buffers = [...this.#dirty].filter((buffer) => buffer.target.executionId === executionId);
    if (buffers.length > 0) await this.#within(graceMs, buffers);
  }

  /** The execution's buffers under this lease are not needed any more: written or not, they go. */
  forget(executionId: string, token: string | undefined): void {
    for (const buffer of this.#buffers.takeOf(executionId, token)) {
      this.#drop(buffer, lost('the execution is not ours any more'));
    }
  }

  /** Writes what it can within `graceMs` and takes nothing more. */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    await this.#within(graceMs, [...this.#dirty]);
    this.#timer?.abort();
    for (const buffer of this.#buffers.takeAll()) this.#drop(buffer, lost('the process stops'));
    await this.#flushing;
  }

  async #within(graceMs: number, buffers: readonly StepBuffer[]): Promise<void> {
    const grace = new AbortController();
    const drained = Promise.allSettled(buffers.map((buffer) => buffer.drained()));
    this.#soon();
    await Promise.race([drained, this.parts.clock.sleep(graceMs, grace.signal).catch(() => undefined)]);
    grace.abort();
  }

  /**
   * A reader writes only into the buffer that it has opened itself, whatever its lease: one that was told to stop and is
   * late would repeat, in the next one's buffer, lines that the next one reads too.
   */
  #bufferOf(target: LogTarget, step: LogStep): StepBuffer {
    const buffer = this.#buffers.get(target.executionId, step);
    if (buffer === undefined || buffer.target !== target) throw lost('the step is not open to this reader');
    if (buffer.failure !== undefined) throw buffer.failure;
    return buffer;
  }

  /** Somebody waits for a flush: at once, or as soon as the last one is long enough ago. */
  #soon(): void {
    this.#schedule(Math.max(0, this.#flushedAtMs + this.options.flushGapMs - this.parts.clock.monotonicMs()));
  }

  /** A timer that is due sooner stands: lines that come without a pause must not put their flush off. */
  #schedule(ms: number): void {
    const dueMs = this.parts.clock.monotonicMs() + ms;
    if (this.#timer !== undefined && this.#timerDueMs <= dueMs) return;
    this.#timer?.abort();
    const timer = new AbortController();
    this.#timer = timer;
    this.#timerDueMs = dueMs;
    this.parts.clock.sleep(ms, timer.signal).then(
      () => {
        if (this.#timer === timer) this.#timer = undefined;
        this.#startFlush();
      },
      () => undefined,
    );
  }

  /** What is asked for while a flush is under way is due when it has ended. */
  #startFlush(): void {
    if (this.#flushing !== undefined) return;
    this.#flushedAtMs = this.parts.clock.monotonicMs();
    this.#flushing = this.#flushAll().finally(() => {
      this.#flushing = undefined;
      if (this.#dirty.size === 0) return;
      if (this.#failures > 0) this.#schedule(backOffMs(this.#failures, RETRY));
      else if (this.#isFull || (this.#closed && this.#locked.size === 0)) this.#schedule(0);
      else if ([...this.#dirty].some((buffer) => buffer.isAwaited && !this.#locked.has(buffer))) this.#soon();
      else this.#schedule(this.options.flushAfterMs);
    });
  }

  /** All that waits goes into one transaction, whatever its shards. */
  async #flushAll(): Promise<void> {
    if (!this.parts.mayWrite()) {
      this.#failures += 1;
      return;
    }
    if (this.parts.clock.monotonicMs() >= this.#lockedUntilMs) this.#locked.clear();
    const flushes = [...this.#dirty]
      .filter((buffer) => !this.#locked.has(buffer))
      .map((buffer) => ({ buffer, taken: buffer.take(this.options.maxBatchBytes) }));
    if (flushes.length === 0) return;
    try {
      await this.#flush(flushes);
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      this.parts.logger.warn('logs cannot be stored; followers wait', { error, bufferedBytes: this.#bufferedBytes });
      const parts = partsAfter(error, flushes);
      // What is left is tried again soon, not at once, and keeps nobody else waiting for longer and longer.
      if (parts.length > 1 && (await this.#flushEachAlone(parts))) this.#failures = 1;
    }
  }

  async #flush(flushes: readonly StepFlush[]): Promise<void> {
    const { clock, logs, metrics } = this.parts;
    const writes = flushes.map(({ buffer, taken }) => ({ fence: buffer.target.fence, ...taken }));
    const startedMs = clock.monotonicMs();
    let result = 'failed';
    let answers: readonly LogAnswer[];
    try {
      answers = await logs.write(writes);
      result = 'stored';
      metrics.count('logFlushedSteps', answers.filter(({ kind }) => kind === 'done').length);
    } finally {
      metrics.count('logFlushes', 1, { result });
      metrics.recordSeconds('logFlushDuration', (clock.monotonicMs() - startedMs) / 1000);
    }
    for (const [index, flush] of flushes.entries()) {
      const answer = answers[index];
      if (answer !== undefined) this.#answered(flush, answer);
    }
  }

  /** What the store refuses of one part must not keep all others from being stored. @returns whether any was */
  async #flushEachAlone(parts: readonly (readonly StepFlush[])[]): Promise<boolean> {
    let isAnyStored = false;
    for (const part of parts) {
      try {
        await this.#flush(part);
        isAnyStored = true;
      } catch (error) {
        const steps = part.map(({ taken: { batch } }) => `${batch.executionId}/${logStepKey(batch.step)}`);
        this.parts.logger.error('logs are refused by the store', { steps: steps.slice(0, 10), error });
      }
    }
    return isAnyStored;
  }

  /** A step that stands elsewhere than its follower believes is read anew by it. */
  #answered({ buffer, taken }: StepFlush, answer: LogAnswer): void {
    if (answer.kind === 'done') return this.#written(buffer, taken);
    if (answer.kind === 'locked') return this.#setAside(buffer);
    if (answer.kind === 'lease-lost') return this.#drop(buffer, lost('the shard has another owner'));
    const { executionId: execution, step, expectedByteOffset } = taken.batch;
    const why = answer.kind === 'conflict' ? answer.why : 'is of an execution that is not placed here';
    const message = 'a step’s stored log is not what its follower believes; it is read anew';
    this.parts.logger.warn(message, { execution, step: logStepKey(step), expectedByteOffset, why });
    this.#drop(buffer, lost('its stored log stands elsewhere'));
  }

  /** Tried again with the flushes after this while; what it takes is not written sooner for being much. */
  #setAside(buffer: StepBuffer): void {
    this.#locked.add(buffer);
    this.#lockedUntilMs = this.parts.clock.monotonicMs() + this.options.flushAfterMs;
  }

  /** As much waits as one flush should take. */
  get #isFull(): boolean {
    let bytes = this.#bufferedBytes;
    for (const { weight } of this.#locked) bytes -= weight;
    return bytes >= this.options.flushBytes;
  }

  #written(buffer: StepBuffer, taken: TakenBatch): void {
    const { bytes, weight } = buffer.written(taken);
    if (taken.ends || !buffer.isDirty) this.#dirty.delete(buffer);
    this.#bufferedBytes -= weight;
    this.parts.metrics.count('logBytes', bytes);
    this.#measureLag(taken.batch);
    this.#makeRoom();
  }

  /** Of the batch's first line, which waited longest; the product's own lines come from no container. */
  #measureLag({ step, records }: LogBatch): void {
    const first = records.find((record) => record.kind === 'line');
    const printedMs = Date.parse(first?.time ?? '');
    if (step.task === EXECUTION_START_STEP.task || Number.isNaN(printedMs)) return;
    this.parts.metrics.recordSeconds('logLag', (this.parts.clock.now().getTime() - printedMs) / 1000);
  }

  #drop(buffer: StepBuffer, failure: DomainError): void {
    this.#bufferedBytes -= buffer.fail(failure);
    this.#dirty.delete(buffer);
    this.#locked.delete(buffer);
    this.#makeRoom();
  }

  #roomMade(): Promise<void> {
    return new Promise((resolve) => this.#room.add(resolve));
  }

  #makeRoom(): void {
    for (const resolve of this.#room) resolve();
    this.#room.clear();
  }
}

/** A step's part of a flush. */
interface StepFlush {
  readonly buffer: StepBuffer;
  readonly taken: TakenBatch;
}

/** Apart from each other: shards when a lock was not free, steps when one was refused; nothing when nothing is answered. */
function partsAfter(error: unknown, flushes: readonly StepFlush[]): readonly (readonly StepFlush[])[] {
  if (!isConflictOrLockTimeout(error)) return isUnavailable(error) ? [] : flushes.map((flush) => [flush]);
  const shards = new Map<string, StepFlush[]>();
  for (const flush of flushes) {
    const { token } = flush.buffer.target.fence;
    const shard = shards.get(token);
    if (shard === undefined) shards.set(token, [flush]);
    else shard.push(flush);
  }
  return [...shards.values()];
}

function isUnavailable(error: unknown): boolean {
  return isDomainError(error) && error.kind === 'Unavailable';
}

function lost(why: string): DomainError {
  return new DomainError({ kind: 'Conflict', reason: 'LeaseLost', message: `the log is not taken here: ${why}` });
}
