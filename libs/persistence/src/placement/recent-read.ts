import type { Clock } from '@image-factory/domain';

/**
 * A read that many ask for at once. What was read at most `maxAgeMs` ago serves all who do not ask for a fresh one;
 * those who do share the next one: it begins after they asked, and not while another is under way. A read that fails is
 * not kept.
 */
export class RecentRead<T> {
  #last: { readonly atMs: number; readonly value: Promise<T> } | undefined;
  #next: Promise<T> | undefined;

  constructor(
    private readonly read: () => Promise<T>,
    private readonly clock: Clock,
    private readonly maxAgeMs: number,
  ) {}

  get(fresh = false): Promise<T> {
    const last = this.#last;
    if (!fresh && last !== undefined && this.clock.monotonicMs() - last.atMs <= this.maxAgeMs) return last.value;
    this.#next ??= this.#readAfter(last?.value);
    return this.#next;
  }

  async #readAfter(underWay: Promise<unknown> | undefined): Promise<T> {
    await underWay?.catch(() => undefined);
    this.#next = undefined;
    const entry = { atMs: this.clock.monotonicMs(), value: this.read() };
    this.#last = entry;
    try {
      return await entry.value;
    } catch (error) {
      if (this.#last === entry) this.#last = undefined;
      throw error;
    }
  }
}
