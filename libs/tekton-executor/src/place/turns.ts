/**
 * So many at once by key, the others in their order. Whoever waits may give up by its signal; a turn that is taken is
 * given on when its work ends, however it ends.
 */
export class Turns {
  readonly #taken = new Map<string, number>();
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(private readonly atOnce: number) {}

  /** Does the work when it is its turn. @throws the signal's reason, or what `work` throws */
  async run<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#turn(key, signal);
    try {
      return await work();
    } finally {
      this.#giveOn(key);
    }
  }

  async #turn(key: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const taken = this.#taken.get(key) ?? 0;
    if (taken < this.atOnce) {
      this.#taken.set(key, taken + 1);
      return;
    }
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting);
    await new Promise<void>((resolve, reject) => {
      const giveUp = (): void => {
        waiting.delete(take);
        reject(signal.reason as Error);
      };
      const take = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      waiting.add(take);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** To the one that waits longest, else back. */
  #giveOn(key: string): void {
    const waiting = this.#waiting.get(key);
    const [next] = waiting ?? [];
    if (next !== undefined) {
      waiting?.delete(next);
      return next();
    }
    this.#waiting.delete(key);
    const left = (this.#taken.get(key) ?? 1) - 1;
    if (left === 0) this.#taken.delete(key);
    else this.#taken.set(key, left);
  }
}
