/** Something that code under test raises once and a test awaits. */
export class TestSignal<T = void> {
  readonly raised: Promise<T>;
  #resolve: (value: T) => void = () => {};

  constructor() {
    this.raised = new Promise<T>((resolve) => {
      this.#resolve = resolve;
    });
  }

  raise(value: T): void {
    this.#resolve(value);
  }
}

export interface EventuallyOptions {
  /** Give up after this long; default 10,000 ms. */
  readonly deadlineMs?: number;
  readonly intervalMs?: number;
}

/** Asks until the answer is there (not undefined, not false), and fails with `what` at the deadline. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  options: EventuallyOptions = {},
): Promise<T> {
  const deadline = performance.now() + (options.deadlineMs ?? 10_000);
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`did not happen in time: ${what}`);
    await new Promise<void>((resolve) => {
      setTimeout(resolve, options.intervalMs ?? 20);
    });
  }
}
