import { DomainError, isDomainError } from '@image-factory/domain';
import { isConflictOrLockTimeout } from './sql-state.js';
import { KEYED_PLANS } from './transaction.js';

export interface BatcherOptions<Item, Answer> {
  /**
   * Does all of them, in one transaction when it writes; answers in their order. A refusal is an answer, not an error.
   * `halvings`: how often the batch was divided because of what one of its items met (`batchSettings`).
   */
  readonly run: (items: readonly Item[], halvings: number) => Promise<readonly Answer[]>;
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
}

const AT_ONCE = 2;
const MOST = 200;
const MOST_WAITING = 10_000;
const LOCK_WAIT_MS = 1_000;
const LEAST_LOCK_WAIT_MS = 50;

/**
 * Settings for a transaction of many rows. A lock that somebody keeps ends the wait long before the statement's own limit
 * would; a divided batch waits half as long each time, so that the row behind that lock is found within twice the first
 * wait, however many rows share the batch.
 */
export function batchSettings(halvings: number): readonly string[] {
  const waitMs = Math.max(LEAST_LOCK_WAIT_MS, LOCK_WAIT_MS / 2 ** halvings);
  return [...KEYED_PLANS, `lock_timeout = ${Math.floor(waitMs)}`];
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
 * other error is somebody's own, a lock that is not free among them: the batch was rolled back and is done again in two
 * halves, and so on, so that a row which cannot be written fails its caller only and costs its mates a few transactions,
 * not one each. A database that does not keep up is told to callers too, instead of gathering without end.
 */
export class Batcher<Item, Answer> {
  #waiting: Waiting<Item, Answer>[] = [];
  #underWay = 0;
  /** Keys of what is under way. */
  readonly #held = new Set<string>();

  constructor(private readonly options: BatcherOptions<Item, Answer>) {}

  /** @throws DomainError Unavailable DatabaseUnavailable when too much waits already; what `run` threw */
  submit(item: Item): Promise<Answer> {
    if (this.#waiting.length >= (this.options.mostWaiting ?? MOST_WAITING)) return Promise.reject(overloaded());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#underWay >= (this.options.atOnce ?? AT_ONCE)) return;
      this.#underWay += 1;
      setImmediate(() => void this.#runOn());
    });
  }

  /** Batch after batch, until nothing is left that another one does not hold. */
  async #runOn(): Promise<void> {
    for (let batch = this.#next(); batch.length > 0; batch = this.#next()) {
      const { keyOf } = this.options;
      const keys = keyOf === undefined ? [] : batch.map(({ item }) => keyOf(item));
      for (const key of keys) this.#held.add(key);
      await this.#run(batch);
      for (const key of keys) this.#held.delete(key);
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
      const fits = batch.length < most && (key === undefined || !keys.has(key));
      if (key !== undefined) keys.add(key);
      (fits ? batch : later).push(one);
    }
    this.#waiting = later;
    return batch;
  }

  async #run(batch: readonly Waiting<Item, Answer>[], halvings = 0): Promise<void> {
    try {
      const answers = await this.options.run(
        batch.map(({ item }) => item),
        halvings,
      );
      batch.forEach(({ resolve }, index) => resolve(answers[index] as Answer));
    } catch (error) {
      if (batch.length === 1 || isOfAll(error)) return batch.forEach(({ reject }) => reject(error));
      const middle = batch.length >> 1;
      await this.#run(batch.slice(0, middle), halvings + 1);
      await this.#run(batch.slice(middle), halvings + 1);
    }
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
