import type { DomainError, LogRecord, LogStep } from '@image-factory/domain';
import type { LogBatch, ShardLease } from '@image-factory/persistence';

/** Whose log it is, and under which lease it is written. */
export interface LogTarget {
  readonly executionId: string;
  /** `YYYY-MM-DD`. */
  readonly day: string;
  readonly fence: ShardLease;
}

/** Raw bytes that the records add to the step: text and line feeds; a gap adds none. */
export function recordBytes(records: readonly LogRecord[]): number {
  let bytes = 0;
  for (const record of records) if (record.kind === 'line') bytes += record.text.length + (record.newline ? 1 : 0);
  return bytes;
}

/**
 * Records of one step that are accepted and not yet written. A flush takes a batch without removing it: the records
 * stay until it is known that they are stored.
 *
 * Modes: open → failed (lease lost, or forgotten): empty for good, and everyone who waits or appends gets the failure.
 */
export class StepBuffer {
  #records: LogRecord[] = [];
  #bytes = 0;
  #offset: number;
  #waiters: { resolve: () => void; reject: (error: DomainError) => void; remaining: number }[] = [];
  failure: DomainError | undefined;

  constructor(
    readonly target: LogTarget,
    readonly step: LogStep,
    byteOffset: number,
  ) {
    this.#offset = byteOffset;
  }

  /** Records that wait. */
  get size(): number {
    return this.#records.length;
  }

  /** @returns the bytes added */
  add(records: readonly LogRecord[]): number {
    const bytes = recordBytes(records);
    for (const record of records) this.#records.push(record);
    this.#bytes += bytes;
    return bytes;
  }

  /** The next batch, without removing it; at least one record, then as many as fit. */
  take(maxBytes: number): LogBatch {
    let bytes = 0;
    let count = 0;
    for (const record of this.#records) {
      const size = recordBytes([record]);
      if (count > 0 && bytes + size > maxBytes) break;
      bytes += size;
      count += 1;
    }
    const { executionId, day } = this.target;
    return {
      executionId,
      day,
      step: this.step,
      records: this.#records.slice(0, count),
      expectedByteOffset: this.#offset,
    };
  }

  /** The batch is stored. @returns its bytes */
  written(batch: LogBatch): number {
    if (this.failure !== undefined) return 0;
    const bytes = recordBytes(batch.records);
    this.#records = this.#records.slice(batch.records.length);
    this.#bytes -= bytes;
    this.#offset = batch.expectedByteOffset + bytes;
    for (const waiter of this.#waiters) waiter.remaining -= batch.records.length;
    this.#settle((waiter) => waiter.remaining <= 0);
    return bytes;
  }

  /** Drops everything; who waits and who appends later gets the failure. @returns the bytes dropped */
  fail(failure: DomainError): number {
    const bytes = this.#bytes;
    this.failure ??= failure;
    this.#records = [];
    this.#bytes = 0;
    for (const waiter of this.#waiters) waiter.reject(this.failure);
    this.#waiters = [];
    return bytes;
  }

  /** Resolves when all that waits now is written. */
  drained(): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (this.#records.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject, remaining: this.#records.length }));
  }

  #settle(isDone: (waiter: { remaining: number }) => boolean): void {
    const done = this.#waiters.filter(isDone);
    this.#waiters = this.#waiters.filter((waiter) => !isDone(waiter));
    for (const waiter of done) waiter.resolve();
  }
}
