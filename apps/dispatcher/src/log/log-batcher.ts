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
import type { Fenced, LogBatch, PostgresBuildLogs, ShardLease } from '@image-factory/persistence';
import type { Logger, Metrics } from '@image-factory/telemetry';
import { backOffMs } from '../loop/back-off.js';
import { StepBuffer, type LogTarget } from './step-buffer.js';

export interface LogBatcherOptions {
  /** Flush as soon as this much memory waits (as all sizes here: texts and what each record costs beside)… */
  readonly flushBytes: number;
  /** …or the oldest has waited this long. */
  readonly flushAfterMs: number;
  /** Followers wait while this much is unwritten in the whole process: the bound of its memory. */
  readonly maxBufferedBytes: number;
  /** At most this much of one step goes into one transaction. */
  readonly maxBatchBytes: number;
}

export const LOG_BATCHER_DEFAULTS: LogBatcherOptions = {
  flushBytes: 64 * 1024,
  flushAfterMs: 250,
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
 * One micro-batcher for all logs of the process: about two transactions a second however many builds print.
 *
 * Records wait in a buffer per step until a flush writes them with a compare-and-set on the step's cursor. Memory is
 * bounded: when it is full, `append` waits, so a database that is down or a full disk makes followers wait and loses
 * nothing. A flush whose answer was lost is sent again and finds itself stored (correctness rule 2). A lost lease drops the
 * buffers of its shard: the new owner reads on from the cursor.
 */
export class LogBatcher {
  readonly #buffers = new Map<string, StepBuffer>();
  readonly #room = new Set<() => void>();
  #bufferedBytes = 0;
  #timer: AbortController | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;
  #flushing: Promise<void> | undefined;
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

  /** Reads where the step's stored log ends, once what is buffered of it is written, and starts its buffer there. */
  async open(target: LogTarget, step: LogStep): Promise<LogCursor> {
    const key = keyOf(target.executionId, step);
    const old = this.#buffers.get(key);
    if (old !== undefined && old.size > 0 && old.target.fence.token === target.fence.token) {
      this.#schedule(0);
      await old.drained();
    }
    const cursor = await this.parts.logs.cursor(target.executionId, step);
    if (this.#buffers.get(key) !== old) throw lost('another reader has opened the step meanwhile');
    if (old !== undefined) this.#drop(old, lost('the step is read anew'));
    this.#buffers.set(key, new StepBuffer(target, step, cursor.byteOffset));
    return cursor;
  }

  /** Resolves when the records are accepted: at once while there is room. @throws DomainError LeaseLost */
  async append(target: LogTarget, step: LogStep, records: readonly LogRecord[]): Promise<void> {
    const buffer = this.#bufferOf(target, step);
    while (this.#bufferedBytes >= this.options.maxBufferedBytes && buffer.failure === undefined) await this.#roomMade();
    if (buffer.failure !== undefined) throw buffer.failure;
    this.#bufferedBytes += buffer.add(records);
    if (this.#bufferedBytes >= this.options.flushBytes) this.#schedule(0);
    else this.#schedule(this.options.flushAfterMs);
  }

  /**
   * Resolves when everything appended to the step since it was opened is stored.
   * @throws DomainError LeaseLost, also when its buffer has gone meanwhile: then nobody knows what of it is stored
   */
  async flush(target: LogTarget, step: LogStep): Promise<void> {
    const buffer = this.#bufferOf(target, step);
    this.#schedule(0);
    await buffer.drained();
  }

  /** Writes what is buffered of the execution, for at most `graceMs`; what is not written is read again by whoever follows. */
  async settle(executionId: string, graceMs: number): Promise<void> {
    const buffers = [...this.#buffers.values()].filter(
      (buffer) => buffer.target.executionId === executionId && buffer.size > 0,
    );
    if (buffers.length === 0) return;
    this.#schedule(0);
    await this.#within(graceMs, buffers);
  }

  /** The execution's buffers under this lease are not needed any more: written or not, they go. */
  forget(executionId: string, token: string | undefined): void {
    for (const [key, buffer] of this.#buffers) {
      if (buffer.target.executionId !== executionId || buffer.target.fence.token !== token) continue;
      this.#drop(buffer, lost('the execution is not ours any more'));
      this.#buffers.delete(key);
    }
  }

  /** Writes what it can within `graceMs` and takes nothing more. */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    const buffers = [...this.#buffers.values()].filter((buffer) => buffer.size > 0);
    this.#schedule(0);
    await this.#within(graceMs, buffers);
    this.#timer?.abort();
    for (const buffer of this.#buffers.values()) this.#drop(buffer, lost('the process stops'));
    this.#buffers.clear();
    await this.#flushing;
  }

  async #within(graceMs: number, buffers: readonly StepBuffer[]): Promise<void> {
    const grace = new AbortController();
    const drained = Promise.allSettled(buffers.map((buffer) => buffer.drained()));
    await Promise.race([drained, this.parts.clock.sleep(graceMs, grace.signal).catch(() => undefined)]);
    grace.abort();
  }

  /**
   * A reader writes only into the buffer that it has opened itself, whatever its lease: one that was told to stop and is
   * late would repeat, in the next one's buffer, lines that the next one reads too.
   */
  #bufferOf(target: LogTarget, step: LogStep): StepBuffer {
    const buffer = this.#buffers.get(keyOf(target.executionId, step));
    if (buffer === undefined || buffer.target !== target) throw lost('the step is not open to this reader');
    if (buffer.failure !== undefined) throw buffer.failure;
    return buffer;
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

  #startFlush(): void {
    if (this.#flushing !== undefined) return;
    this.#flushing = this.#flushAll().finally(() => {
      this.#flushing = undefined;
      if (this.#bufferedBytes > 0 || this.#hasRecords()) {
        this.#schedule(this.#failures > 0 ? backOffMs(this.#failures, RETRY) : this.#nextDelay());
      }
    });
  }

  #nextDelay(): number {
    return this.#bufferedBytes >= this.options.flushBytes || this.#closed ? 0 : this.options.flushAfterMs;
  }

  #hasRecords(): boolean {
    for (const buffer of this.#buffers.values()) if (buffer.size > 0) return true;
    return false;
  }

  async #flushAll(): Promise<void> {
    const byFence = new Map<string, StepBuffer[]>();
    for (const buffer of this.#buffers.values()) {
      if (buffer.size === 0) continue;
      const token = buffer.target.fence.token;
      byFence.set(token, [...(byFence.get(token) ?? []), buffer]);
    }
    for (const buffers of byFence.values()) {
      const fence = buffers[0]?.target.fence;
      if (fence === undefined) continue;
      if (!this.parts.mayWrite()) {
        this.#failures += 1;
        return;
      }
      await this.#flushFence(fence, buffers);
    }
  }

  async #flushFence(fence: ShardLease, buffers: readonly StepBuffer[]): Promise<void> {
    const batches = buffers.map((buffer) => ({ buffer, batch: buffer.take(this.options.maxBatchBytes) }));
    try {
      const fenced = await this.#append(
        fence,
        batches.map(({ batch }) => batch),
      );
      if (fenced === 'done') for (const { buffer, batch } of batches) this.#written(buffer, batch);
      else if (fenced === 'lease-lost')
        for (const { buffer } of batches) this.#drop(buffer, lost('the shard has another owner'));
      else for (const { buffer, batch } of batches) await this.#flushAlone(fence, buffer, batch);
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      this.parts.logger.warn('logs cannot be stored; followers wait', { error, bufferedBytes: this.#bufferedBytes });
      if (batches.length > 1 && !isUnavailable(error)) await this.#flushEachAlone(fence, batches);
    }
  }

  /** What the store refuses of one step must not keep all others of its shard from being stored. */
  async #flushEachAlone(
    fence: ShardLease,
    batches: readonly { readonly buffer: StepBuffer; readonly batch: LogBatch }[],
  ): Promise<void> {
    for (const { buffer, batch } of batches) {
      try {
        await this.#flushAlone(fence, buffer, batch);
      } catch (error) {
        const { executionId: execution, step } = batch;
        this.parts.logger.error('a step’s log is refused by the store', { execution, step: logStepKey(step), error });
      }
    }
  }

  /** One step of the flush stands elsewhere than we believe: alone, each is stored, or its follower reads it anew. */
  async #flushAlone(fence: ShardLease, buffer: StepBuffer, batch: LogBatch): Promise<void> {
    const fenced = await this.#append(fence, [batch]);
    if (fenced === 'done') return this.#written(buffer, batch);
    this.parts.logger.warn('a step’s stored log is not what its follower believes; it is read anew', {
      execution: batch.executionId,
      step: logStepKey(batch.step),
      expectedByteOffset: batch.expectedByteOffset,
    });
    this.#drop(buffer, lost('its stored log stands elsewhere'));
  }

  /** A flush that was stored already (its answer was lost) counts as done; other bytes there are a conflict. */
  async #append(fence: ShardLease, batches: readonly LogBatch[]): Promise<Fenced | 'conflict'> {
    try {
      return await this.parts.logs.append(fence, batches);
    } catch (error) {
      if (isDomainError(error) && error.kind === 'Conflict') return 'conflict';
      throw error;
    }
  }

  #written(buffer: StepBuffer, batch: LogBatch): void {
    const { bytes, weight } = buffer.written(batch);
    this.#bufferedBytes -= weight;
    this.parts.metrics.count('logBytes', bytes);
    this.#measureLag(batch);
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

function keyOf(executionId: string, step: LogStep): string {
  return `${executionId}/${logStepKey(step)}`;
}

function isUnavailable(error: unknown): boolean {
  return isDomainError(error) && error.kind === 'Unavailable';
}

function lost(why: string): DomainError {
  return new DomainError({ kind: 'Conflict', reason: 'LeaseLost', message: `the log is not taken here: ${why}` });
}
