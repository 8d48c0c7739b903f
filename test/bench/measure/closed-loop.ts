export interface LoopOptions {
  readonly loops: number;
  /** Ends when so many were done, whichever comes first. */
  readonly items: number;
  readonly limitMs: number;
}

/**
 * Items per second of N loops that each call `take` again as soon as it has returned; what it returns is what it did.
 * A loop whose `take` did nothing ends.
 */
export async function loopRate(options: LoopOptions, take: () => Promise<number>): Promise<number> {
  const from = performance.now();
  let done = 0;
  const loop = async (): Promise<void> => {
    while (done < options.items && performance.now() - from < options.limitMs) {
      const taken = await take();
      if (taken === 0) return;
      done += taken;
    }
  };
  await Promise.all(Array.from({ length: options.loops }, loop));
  return done / ((performance.now() - from) / 1000);
}

/** Calls `work` at a steady rate, without waiting for the last call, and waits for all at the end. */
export async function paced(perSecond: number, forMs: number, work: (index: number) => Promise<void>): Promise<number> {
  const from = performance.now();
  const running: Promise<void>[] = [];
  for (let index = 0; (index * 1000) / perSecond < forMs; index += 1) {
    const waitMs = from + (index * 1000) / perSecond - performance.now();
    if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
    running.push(work(index));
  }
  await Promise.all(running);
  return running.length;
}

/** Works through the items, at most so many at a time. */
export async function atMost<T>(atOnce: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const worker = async (): Promise<void> => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
}
