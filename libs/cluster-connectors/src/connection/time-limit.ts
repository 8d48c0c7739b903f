/**
 * One abort signal from a time limit and a caller's signal, without leaving a listener on either. Modes: armed (the
 * timer runs), lifted (only the caller's signal counts), cleared (nothing is listened to).
 */
export class TimeLimit {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#controller.abort(new DOMException('the caller stopped it', 'AbortError'));
  #timer: NodeJS.Timeout | undefined;
  timedOut = false;

  /** `ms` 0: no limit. */
  constructor(ms: number, caller: AbortSignal | undefined) {
    this.#caller = caller;
    if (caller?.aborted === true) this.#onAbort();
    else caller?.addEventListener('abort', this.#onAbort, { once: true });
    if (ms > 0) {
      this.#timer = setTimeout(() => {
        this.timedOut = true;
        this.#controller.abort(new DOMException('the time limit is over', 'TimeoutError'));
      }, ms);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * The work's result, or the abort as soon as it happens: undici notices the abort of a request that waits for a
   * connection only when its turn comes (it is then never written).
   */
  async cut<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#controller;
    let onAbort = (): void => undefined;
    const aborted = new Promise<never>((_resolve, reject) => {
      onAbort = () => reject(signal.reason as Error);
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([work, aborted]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      work.catch(() => undefined);
    }
  }

  /** The time limit no longer applies; the caller's signal still does. */
  lift(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  clear(): void {
    this.lift();
    this.#caller?.removeEventListener('abort', this.#onAbort);
  }
}
