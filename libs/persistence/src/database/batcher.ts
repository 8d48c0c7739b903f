import { DomainError, isDomainError } from '@image-factory/domain';
import { isConflictOrLockTimeout } from './sql-state.js';
import { KEYED_PLANS } from './transaction.js';

/** One go at some items. */
export interface BatchRound {
  /** Longest wait for one lock, in milliseconds: for `batchSettings`. */
  readonly lockWaitMs: number;
  /** All of this was tried before, with others: one of them could not be written. */
  readonly isPart: boolean;
}

export interface BatcherOptions<Item, Answer> {
  /** Does all of them, in one transaction when it writes; answers in their order. A refusal is an answer, not an error. */
  readonly run: (items: readonly Item[], round: BatchRound) => Promise<readonly Answer[]>;
  /** Items of one key are done one after the other: the later one sees what the earlier one did. Default: no keys. */
  readonly keyOf?: (item: Item) => string;
  /** Batches under way at once; default 2. */
  readonly atOnce?: number;
  /** Most items of one batch; default 200. */
  readonly most?: number;
  /** Most items that wait; default 10,000. */
  readonly mostWaiting?: number;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
  /** Others were in its way: it is done without mates, and waits. */
  readonly alone: boolean;
}

const AT_ONCE = 2;
const MOST = 200;
const MOST_WAITING = 10_000;
const LOCK_WAIT_MS = 1_000;
const LEAST_LOCK_WAIT_MS = 50;
/** A process that is frozen within a transaction keeps its locks for no longer: the server ends it. */
const PATIENT_LOCK_WAIT_MS = 15_000;

/** Settings for a transaction of many rows: a lock that somebody keeps ends it long before the statement's own limit. */
export function batchSettings({ lockWaitMs }: Pick<BatchRound, 'lockWaitMs'>): readonly string[] {
  return [...KEYED_PLANS, `lock_timeout = ${lockWaitMs}`];
}

/**
 * Gathers what many callers ask of the database at once into few transactions or queries.
 *
 * Model: while batches are under way, what comes makes the next one; whoever comes while there is room for one waits for
 * no more than the turn of the event loop. So nobody pays for the gathering when little is to be done, and the more is
 * to be done, the more rows share a commit. Two may be under way, so that one that waits for a lock holds up only its
 * own. Each caller gets the answer for its own row, and gets it after the commit: what it frees here is freed there.
 *
 * Failures: a lost connection or a slow database is told to all callers of the batch, who repeat what they asked. Any
 * other error is somebody's own: the batch was rolled back and is done again in two halves, and so on, so that a row which
 * cannot be written fails its caller only and costs its mates a few transactions, not one each. So it is with a lock that
 * is not free: each half waits half as long for it, which finds the row behind it within about twice the first wait. That
 * row then waits by itself, one such row at a time, while batches go on beside it. A database that does not keep up is
 * told to callers too, instead of gathering without end.
 */
export class Batcher<Item, Answer> {
  #waiting: Waiting<Item, Answer>[] = [];
  #underWay = 0;
  #isOneAlone = false;
  /** Keys of what is under way. */
  readonly #held = new Set<string>();

  constructor(private readonly options: BatcherOptions<Item, Answer>) {}

  /** Items that no batch has taken up yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** @throws DomainError Unavailable DatabaseUnavailable when too much waits already; what `run` threw */
  submit(item: Item): Promise<Answer> {
    if (this.#waiting.length >= (this.options.mostWaiting ?? MOST_WAITING)) return Promise.reject(overloaded());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject, alone: false });
      this.#runBeside();
    });
  }

  /** One more that takes up what waits, where there is room for it. */
  #runBeside(): void {
    if (this.#underWay >= (this.options.atOnce ?? AT_ONCE)) return;
    this.#underWay += 1;
    setImmediate(() => void this.#runOn());
  }

  /** Batch after batch, until nothing is left that another one does not hold. */
  async #runOn(): Promise<void> {
    for (let batch = this.#next(); batch.length > 0; batch = this.#next()) {
      const { keyOf } = this.options;
      const keys = keyOf === undefined ? [] : batch.map(({ item }) => keyOf(item));
      const alone = batch[0]?.alone === true;
      if (alone) this.#isOneAlone = true;
      for (const key of keys) this.#held.add(key);
      // What waits behind it was held until now, by a batch that no other runner could pass.
      if (alone && this.#waiting.length > 0) this.#runBeside();
      await this.#run(batch, { lockWaitMs: alone ? PATIENT_LOCK_WAIT_MS : LOCK_WAIT_MS, isPart: alone });
      for (const key of keys) this.#held.delete(key);
      if (alone) this.#isOneAlone = false;
    }
    this.#underWay -= 1;
  }

  #next(): Waiting<Item, Answer>[] {
    const { keyOf, most = MOST } = this.options;
    const keys = new Set(this.#held);
    const batch: Waiting<Item, Answer>[] = [];
    const later: Waiting<Item, Answer>[] = [];
    for (const one of this.#waiting) {
      const key = keyOf?.(one.item);
      const isFree = key === undefined || !keys.has(key);
      const hasRoom = one.alone
        ? batch.length === 0 && !this.#isOneAlone
        : batch.length < most && batch[0]?.alone !== true;
      if (key !== undefined) keys.add(key);
      (isFree && hasRoom ? batch : later).push(one);
    }
    this.#waiting = later;
    return batch;
  }

  async #run(batch: readonly Waiting<Item, Answer>[], round: BatchRound): Promise<void> {
    try {
      const items = batch.map(({ item }) => item);
      const answers = await this.options.run(items, round);
      batch.forEach(({ resolve }, index) => resolve(answers[index] as Answer));
    } catch (error) {
      const [one] = batch;
      if (isOfAll(error)) return batch.forEach(({ reject }) => reject(error));
      if (batch.length > 1) return this.#runInHalves(batch, round.lockWaitMs);
      if (one === undefined) return;
      if (one.alone || !isConflictOrLockTimeout(error)) one.reject(error);
      else this.#waiting.unshift({ ...one, alone: true });
    }
  }

  async #runInHalves(batch: readonly Waiting<Item, Answer>[], waitedMs: number): Promise<void> {
    const lockWaitMs = Math.max(LEAST_LOCK_WAIT_MS, Math.floor(waitedMs / 2));
    const middle = batch.length >> 1;
    await this.#run(batch.slice(0, middle), { lockWaitMs, isPart: true });
    await this.#run(batch.slice(middle), { lockWaitMs, isPart: true });
  }
}

function isOfAll(error: unknown): boolean {
  return isDomainError(error) && error.reason === 'DatabaseUnavailable' && !isConflictOrLockTimeout(error);
}

function overloaded(): DomainError {
  return new DomainError({
    kind: 'Unavailable',
    reason: 'DatabaseUnavailable',
    message: 'more waits for the database than it takes; try again',
    retryable: true,
    retryAfterSeconds: 1,
  });
}
