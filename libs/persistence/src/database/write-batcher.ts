import { DomainError, isDomainError } from '@image-factory/domain';

export interface WriteBatcherOptions<Item, Answer> {
  /** Writes all of them in one transaction; answers in their order. A refusal is an answer, not an error. */
  readonly write: (items: readonly Item[]) => Promise<readonly Answer[]>;
  /** Two items of one key are never in one batch: the later one sees what the earlier one did. */
  readonly keyOf: (item: Item) => string;
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

const MOST = 200;
const MOST_WAITING = 10_000;

/**
 * Gathers writes that many callers make at once into few transactions.
 *
 * Model: a batch is under way, what comes meanwhile makes the next one; whoever comes while none is under way waits for
 * no more than the turn of the event loop. So nobody pays for the gathering when little is to be done, and the more is
 * to be done, the more rows share a commit. Each caller gets the answer for its own row, and gets it after the commit:
 * what it frees here is freed there.
 *
 * Failures: a lost connection or a busy database is told to all callers of the batch, who repeat what they asked. Any
 * other error is somebody's own: the batch was rolled back and each item is written alone, so that a row which cannot be
 * written fails its caller only. A database that does not keep up is told to callers too, instead of gathering without
 * end.
 */
export class WriteBatcher<Item, Answer> {
  #waiting: Waiting<Item, Answer>[] = [];
  #writing = false;

  constructor(private readonly options: WriteBatcherOptions<Item, Answer>) {}

  /** @throws DomainError Unavailable DatabaseUnavailable when too many writes wait already; what the write threw */
  submit(item: Item): Promise<Answer> {
    if (this.#waiting.length >= (this.options.mostWaiting ?? MOST_WAITING)) return Promise.reject(overloaded());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#writing) return;
      this.#writing = true;
      setImmediate(() => void this.#writeAll());
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) await this.#write(this.#next());
    this.#writing = false;
  }

  #next(): Waiting<Item, Answer>[] {
    const keys = new Set<string>();
    const batch: Waiting<Item, Answer>[] = [];
    const later: Waiting<Item, Answer>[] = [];
    for (const one of this.#waiting) {
      const key = this.options.keyOf(one.item);
      const fits = batch.length < (this.options.most ?? MOST) && !keys.has(key);
      keys.add(key);
      (fits ? batch : later).push(one);
    }
    this.#waiting = later;
    return batch;
  }

  async #write(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.options.write(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, index) => resolve(answers[index] as Answer));
    } catch (error) {
      if (batch.length > 1 && !isOfAll(error)) for (const one of batch) await this.#write([one]);
      else for (const { reject } of batch) reject(error);
    }
  }
}

function isOfAll(error: unknown): boolean {
  return isDomainError(error) && error.reason === 'DatabaseUnavailable';
}

function overloaded(): DomainError {
  return new DomainError({
    kind: 'Unavailable',
    reason: 'DatabaseUnavailable',
    message: 'more writes wait for the database than it takes; try again',
    retryable: true,
    retryAfterSeconds: 1,
  });
}
