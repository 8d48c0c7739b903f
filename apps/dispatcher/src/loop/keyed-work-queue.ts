import type { Clock } from '@image-factory/domain';

export interface KeyedWorkQueueOptions {
  /** Keys worked on at the same time. */
  readonly concurrency: number;
  readonly clock: Clock;
  /** Must not throw: it decides itself what a failure means. */
  readonly work: (key: string) => Promise<void>;
}

/**
 * A dirty set: level-triggered work by key, one at a time per key, a bounded number of keys at once. A key that is
 * added while it is worked on is worked on again afterwards; however often it is added, it waits once.
 *
 * A key is waiting (in `#ready`), working (in `#working`), working and dirty (also in `#again`), or on a timer.
 */
export class KeyedWorkQueue {
  readonly #ready = new Set<string>();
  readonly #working = new Map<string, Promise<void>>();
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, AbortController>();
  #closed = false;

  constructor(private readonly options: KeyedWorkQueueOptions) {}

  add(key: string): void {
    if (this.#closed) return;
    this.#cancelTimer(key);
    if (this.#working.has(key)) this.#again.add(key);
    else this.#ready.add(key);
    this.#pump();
  }

  /** Adds the key after `ms`, unless it is added sooner. An earlier timer of the key is replaced. */
  addAfter(key: string, ms: number): void {
    if (this.#closed || this.#ready.has(key)) return;
    this.#cancelTimer(key);
    const timer = new AbortController();
    this.#timers.set(key, timer);
    this.options.clock.sleep(ms, timer.signal).then(
      () => {
        if (this.#timers.get(key) === timer) this.add(key);
      },
      () => undefined,
    );
  }

  /** Drops what waits for the key; work in progress ends by itself: await the returned promise. */
  async forget(key: string): Promise<void> {
    this.#cancelTimer(key);
    this.#ready.delete(key);
    this.#again.delete(key);
    await this.#working.get(key);
  }

  /** No new work; resolves when what is in progress has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers.values()) timer.abort();
    this.#timers.clear();
    this.#ready.clear();
    this.#again.clear();
    await Promise.all(this.#working.values());
  }

  #cancelTimer(key: string): void {
    this.#timers.get(key)?.abort();
    this.#timers.delete(key);
  }

  #pump(): void {
    for (const key of this.#ready) {
      if (this.#closed || this.#working.size >= this.options.concurrency) return;
      this.#ready.delete(key);
      this.#working.set(key, this.#work(key));
    }
  }

  async #work(key: string): Promise<void> {
    try {
      await this.options.work(key);
    } finally {
      this.#working.delete(key);
      if (this.#again.delete(key)) this.add(key);
      else this.#pump();
    }
  }
}
