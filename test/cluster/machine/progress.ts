/** A failure with what to do about it; printed without a stack trace. */
export class ClusterError extends Error {
  readonly advice: string;
  readonly logFile: string | undefined;

  constructor(message: string, advice: string, logFile?: string) {
    super(message);
    this.name = 'ClusterError';
    this.advice = advice;
    this.logFile = logFile;
  }
}

const startedAt = Date.now();

/** Prints one line with the seconds since the command started. */
export function say(text: string): void {
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1).padStart(7);
  process.stdout.write(`${seconds} s  ${text}\n`);
}

/** Runs one step and prints its name and duration when it has ended. */
export async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  const stepStartedAt = Date.now();
  try {
    const result = await work();
    say(`${name} (${((Date.now() - stepStartedAt) / 1000).toFixed(1)} s)`);
    return result;
  } catch (error) {
    say(`${name}: FAILED`);
    throw error;
  }
}

/** Like `step`, for work that takes minutes: says also that it begins. */
export async function longStep<T>(name: string, expectation: string, work: () => Promise<T>): Promise<T> {
  say(`${name}: ${expectation} …`);
  return step(name, work);
}

/**
 * How long a process may take to answer after its start, milliseconds. Binaries of 100 MB that a disk reads for the
 * first time, beside the import of images, have taken 40 s; a process that ends is noticed at once all the same.
 */
export const coldStartMs = 180_000;

export interface WaitOptions {
  readonly what: string;
  readonly timeoutMs: number;
  /** Time between two tries, milliseconds. */
  readonly intervalMs?: number;
  readonly logFile?: string;
}

/**
 * Tries `attempt` until it returns true. An exception counts as "not yet"; the last one is part of
 * the message when the time is over.
 */
export async function waitUntil(attempt: () => Promise<boolean>, options: WaitOptions): Promise<void> {
  const deadline = Date.now() + options.timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      if (await attempt()) return;
      lastError = undefined;
    } catch (error) {
      if (error instanceof ClusterError) throw error;
      lastError = error;
    }
    if (Date.now() >= deadline) {
      const cause = lastError instanceof Error ? ` (last answer: ${lastError.message})` : '';
      throw new ClusterError(
        `${options.what} did not happen within ${options.timeoutMs / 1000} s${cause}.`,
        'Read the log; "down" and "up" again starts every process anew, "down --purge" from nothing.',
        options.logFile,
      );
    }
    await new Promise((done) => setTimeout(done, options.intervalMs ?? 100));
  }
}
