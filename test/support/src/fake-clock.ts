import { Clock } from '@image-factory/domain';

interface Sleeper {
  readonly wakeAtMs: number;
  readonly wake: () => void;
}

/** A clock that stands still until a test moves it; sleepers wake in the order of their times. */
export class FakeClock extends Clock {
  #nowMs: number;
  #monotonicMs = 0;
  #sleepers: Sleeper[] = [];

  constructor(now = new Date('2026-01-01T00:00:00Z')) {
    super();
    this.#nowMs = now.getTime();
  }

  now(): Date {
    return new Date(this.#nowMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason as Error);
      };
      const sleeper: Sleeper = {
        wakeAtMs: this.#monotonicMs + ms,
        wake: () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  /** How many sleep now: a test waits for this before it moves the clock. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** Moves both clocks and lets those run whose time has come, each before the next wakes. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms;
    for (;;) {
      const [next] = this.#sleepers
        .filter((sleeper) => sleeper.wakeAtMs <= endMs)
        .sort((a, b) => a.wakeAtMs - b.wakeAtMs);
      if (next === undefined) break;
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next);
      this.#move(Math.max(next.wakeAtMs, this.#monotonicMs));
      next.wake();
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    this.#move(endMs);
  }

  /** Moves only the wall clock, as an operator or a bad time server does. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }

  #move(monotonicMs: number): void {
    this.#nowMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}
