import { Batcher, type BatcherOptions } from './batcher.js';

/**
 * What is gathered into batches: placements, claims taken back, writes about executions without and with counters, reads
 * of them, wake-ups for free slots.
 */
export type BatchName = 'place' | 'unplace' | 'write' | 'count' | 'read' | 'wake';

/** A batch, or a part of one that had to be divided, that has ended well or not. */
export interface EndedBatch {
  readonly name: BatchName;
  readonly items: number;
  readonly seconds: number;
  /** All of it was tried before, with others. */
  readonly isPart: boolean;
}

/** The batchers over one database, for whoever measures them. */
export class Batches {
  readonly #waiting: { readonly name: BatchName; readonly count: () => number }[] = [];
  #onEnd: (batch: EndedBatch) => void = () => undefined;

  make<Item, Answer>(name: BatchName, options: BatcherOptions<Item, Answer>): Batcher<Item, Answer> {
    const run: typeof options.run = async (items, round) => {
      const startedMs = performance.now();
      try {
        return await options.run(items, round);
      } finally {
        const seconds = (performance.now() - startedMs) / 1000;
        this.#onEnd({ name, items: items.length, seconds, isPart: round.isPart });
      }
    };
    const batcher = new Batcher({ ...options, run });
    this.#waiting.push({ name, count: () => batcher.waiting });
    return batcher;
  }

  /** `listener` is told of every batch that has ended; a second one replaces the first. */
  onEnd(listener: (batch: EndedBatch) => void): void {
    this.#onEnd = listener;
  }

  /** What waits for its batch now, by name. */
  waiting(): ReadonlyMap<BatchName, number> {
    const all = new Map<BatchName, number>();
    for (const { name, count } of this.#waiting) all.set(name, (all.get(name) ?? 0) + count());
    return all;
  }
}
