export interface BackOffOptions {
  readonly floorMs: number;
  readonly baseMs: number;
  readonly capMs: number;
  /** 0 ≤ x < 1; Math.random unless a test gives another. */
  readonly random?: () => number;
}

/** Delay before try `attempt` (0 first): full jitter below an exponential bound, never below the floor. */
export function backOffMs(attempt: number, options: BackOffOptions): number {
  const bound = Math.min(options.capMs, options.baseMs * 2 ** Math.min(attempt, 20));
  return Math.max(options.floorMs, (options.random ?? Math.random)() * bound);
}
