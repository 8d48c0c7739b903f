import type { Clock } from '@image-factory/domain';

interface Entry<T> {
  /** When the read began. */
  readonly atMs: number;
  readonly value: Promise<T>;
}

/**
 * A read that many ask for at once. What was read at most `maxAgeMs` ago serves all who do not ask for a fresh one; when it
 * is older than half of that, it is read again meanwhile, so that under load nobody waits unless a read takes as long as
 * that. Those who ask for a fresh one share the next one: it begins after they asked, and not while another is under way.
 * A read that fails is not kept.
 */
export class RecentRead<T> {
  #last: Entry<T> | undefined;
  /** Takes the place of the last one when it is there. */
  #renewing: Entry<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(
    private readonly read: () => Promise<T>,
    private readonly clock: Clock,
    private readonly maxAgeMs: number,
  ) {}

  get(fresh = false): Promise<T> {
    if (!fresh) {
      const ageMs = this.clock.monotonicMs() - (this.#last?.atMs ?? Number.NEGATIVE_INFINITY);
      if (this.#last !== undefined && ageMs <= this.maxAgeMs) {
        if (ageMs > this.maxAgeMs / 2) this.#renew(this.#last);
        return this.#last.value;
      }
      if (this.#renewing !== undefined) return this.#renewing.value;
    }
    this.#next ??= this.#readAfter([this.#last, this.#renewing].flatMap((entry) => entry?.value ?? []));
    return this.#next;
  }

  /** One read at a time: not while this one, another renewal or a fresh one is under way. */
  #renew(last: Entry<T>): void {
    if (this.#renewing !== undefined || this.#next !== undefined) return;
    const entry = { atMs: this.clock.monotonicMs(), value: last.value.then(() => this.read()) };
    this.#renewing = entry;
    const settle = (): void => {
      this.#renewing = undefined;
    };
    entry.value.then(() => {
      settle();
      if (this.#last === last) this.#last = entry;
    }, settle);
  }

  async #readAfter(underWay: readonly Promise<T>[]): Promise<T> {
    await Promise.allSettled(underWay);
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
