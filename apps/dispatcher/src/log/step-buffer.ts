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

/** What a record costs in memory beside its text; without it five million empty lines would weigh nothing. */
const RECORD_OVERHEAD_BYTES = 200;

function weightOf(record: LogRecord): number {
  return RECORD_OVERHEAD_BYTES + (record.kind === 'line' ? record.text.length : record.message.length);
}

function weigh(records: readonly LogRecord[]): number {
  return records.reduce((sum, record) => sum + weightOf(record), 0);
}

/** What is taken of a step for one flush, and stays so until it is known to be stored. */
export interface TakenBatch {
  readonly batch: LogBatch;
  /** It is the rest: the step's end is stored with it. */
  readonly ends: boolean;
}

interface Ending {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: DomainError) => void;
}

function newEnding(): Ending {
  let settle: Omit<Ending, 'promise'> = { resolve: () => undefined, reject: () => undefined };
  const promise = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
  // Whoever waits is told of its failure; nobody has to wait.
  promise.catch(() => undefined);
  return { promise, ...settle };
}

/** What a batch that is stored leaves behind: raw bytes of the log, and memory that is free again. */
export interface Written {
  readonly bytes: number;
  readonly weight: number;
}

/**
 * Records of one step that are accepted and not yet written. A flush takes a batch without removing it: the records
 * stay until it is known that they are stored, and the same batch is taken again until then, so that one whose COMMIT
 * landed without an answer finds exactly itself.
 *
 * Modes: open → failed (lease lost, or forgotten): empty for good, and everyone who waits or appends gets the failure.
 */
export class StepBuffer {
  #records: LogRecord[] = [];
  #weight = 0;
  #offset: number;
  #taken: TakenBatch | undefined;
  #waiters: { resolve: () => void; reject: (error: DomainError) => void; remaining: number }[] = [];
  #ending: Ending | undefined;
  failure: DomainError | undefined;

  constructor(
    readonly target: LogTarget,
    readonly step: LogStep,
    byteOffset: number,
  ) {
    this.#offset = byteOffset;
  }

  /** Something waits to be stored: records, or the step's end. */
  get isDirty(): boolean {
    return this.#records.length > 0 || (this.#ending !== undefined && this.failure === undefined);
  }

  /** Memory that its records take, in bytes. */
  get weight(): number {
    return this.#weight;
  }

  /** Somebody waits for what is here to be stored. */
  get isAwaited(): boolean {
    return this.#waiters.length > 0 || this.#ending !== undefined;
  }

  /** No more records will come: resolves when all of them and the step's end are stored. */
  end(): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.#ending ??= newEnding();
    return this.#ending.promise;
  }

  /** @returns the memory taken, in bytes */
  add(records: readonly LogRecord[]): number {
    const weight = weigh(records);
    for (const record of records) this.#records.push(record);
    this.#weight += weight;
    return weight;
  }

  /** The batch that is not known to be stored, else the next one: at least one record, then as many as fit. */
  take(maxWeight: number): TakenBatch {
    if (this.#taken !== undefined) return this.#taken;
    let weight = 0;
    let count = 0;
    for (const record of this.#records) {
      const added = weightOf(record);
      if (count > 0 && weight + added > maxWeight) break;
      weight += added;
      count += 1;
    }
    const { executionId, day } = this.target;
    const records = this.#records.slice(0, count);
    const batch = { executionId, day, step: this.step, records, expectedByteOffset: this.#offset };
    this.#taken = { batch, ends: this.#ending !== undefined && count === this.#records.length };
    return this.#taken;
  }

  /** The batch is stored. */
  written({ batch, ends }: TakenBatch): Written {
    if (this.failure !== undefined) return { bytes: 0, weight: 0 };
    const bytes = recordBytes(batch.records);
    const weight = weigh(batch.records);
    this.#records = this.#records.slice(batch.records.length);
    this.#weight -= weight;
    this.#taken = undefined;
    this.#offset = batch.expectedByteOffset + bytes;
    for (const waiter of this.#waiters) waiter.remaining -= batch.records.length;
    this.#settle((waiter) => waiter.remaining <= 0);
    if (ends) this.#ending?.resolve();
    return { bytes, weight };
  }

  /** Drops everything; who waits and who appends later gets the failure. @returns the memory freed, in bytes */
  fail(failure: DomainError): number {
    const weight = this.#weight;
    this.failure ??= failure;
    this.#records = [];
    this.#weight = 0;
    this.#taken = undefined;
    for (const waiter of this.#waiters) waiter.reject(this.failure);
    this.#waiters = [];
    this.#ending?.reject(this.failure);
    return weight;
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
