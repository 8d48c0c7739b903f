import { Clock } from '@image-factory/domain';

/** A clock that a spec moves; it wakes who sleeps. */
export class MovedClock extends Clock {
  #wallMs = Date.UTC(2026, 0, 1);
  #monotonicMs = 0;
  readonly #sleepers = new Set<{ readonly wakeAtMs: number; readonly wake: () => void }>();

  now(): Date {
    return new Date(this.#wallMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  get sleeping(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { wakeAtMs: this.#monotonicMs + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper);
        reject(signal.reason as Error);
      });
    });
  }

  async advance(ms: number): Promise<void> {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
    for (const sleeper of this.#sleepers) {
      if (sleeper.wakeAtMs > this.#monotonicMs) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** Moves only the wall clock. */
  async jump(ms: number): Promise<void> {
    this.#wallMs += ms;
  }
}
