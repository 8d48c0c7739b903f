import type { Clock } from '@image-factory/domain';

/**
 * A read that many ask for at once. What was read at most `maxAgeMs` ago serves all who do not ask for a fresh one; when it
 * is older than half of that, it is read again meanwhile, so that under load nobody waits. Those who ask for a fresh one
 * share the next one: it begins after they asked, and not while another is under way. A read that fails is not kept.
 */
export class RecentRead<T> {
  #last: { readonly atMs: number; readonly value: Promise<T> } | undefined;
  #next: Promise<T> | undefined;
  #renewing: Promise<void> | undefined;

  constructor(
    private readonly read: () => Promise<T>,
    private readonly clock: Clock,
    private readonly maxAgeMs: number,
  ) {}

  get(fresh = false): Promise<T> {
    const last = this.#last;
    const ageMs = last === undefined ? Number.POSITIVE_INFINITY : this.clock.monotonicMs() - last.atMs;
    if (!fresh && last !== undefined && ageMs <= this.maxAgeMs) {
      if (ageMs > this.maxAgeMs / 2 && this.#next === undefined) this.#renewing ??= this.#renew();
      return last.value;
    }
    this.#next ??= this.#readAfter(last?.value);
    return this.#next;
  }

  async #renew(): Promise<void> {
    const atMs = this.clock.monotonicMs();
    try {
      const value = await this.read();
      this.#last = { atMs, value: Promise.resolve(value) };
    } catch {
      // Whoever comes when it is too old reads it again, and is told.
    } finally {
      this.#renewing = undefined;
    }
  }

  async #readAfter(underWay: Promise<unknown> | undefined): Promise<T> {
    await underWay?.catch(() => undefined);
    await this.#renewing;
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
