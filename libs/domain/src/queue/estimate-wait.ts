/** What is known about a tenant's lane when somebody asks how long a build may wait. */
export interface WaitFacts {
  /** 1 is next. */
  readonly position: number;
  readonly running: number;
  /** The tenant's own limit, or the smaller room of the whole installation. */
  readonly maxRunning: number;
  /** Median of how long the tenant's last attempts held their slot; undefined without any. */
  readonly medianSlotSeconds: number | undefined;
  /** How many attempts that median is of. */
  readonly samples: number;
}

/** An expected wait, with what it was made of. */
export interface WaitEstimate {
  readonly seconds: number;
  readonly basis: string;
}

/**
 * How long a build at `position` waits when slots free up as evenly as they did lately: one every median/limit seconds.
 * Undefined when nothing is known or nothing can run.
 */
export function estimateWait(facts: WaitFacts): WaitEstimate | undefined {
  const { position, running, maxRunning, medianSlotSeconds, samples } = facts;
  if (maxRunning < 1 || medianSlotSeconds === undefined) return undefined;
  const ahead = position - Math.max(0, maxRunning - running);
  return {
    seconds: ahead <= 0 ? 0 : Math.round((ahead * medianSlotSeconds) / maxRunning),
    basis:
      `position ${position}, ${running} of ${maxRunning} run, ` +
      `the last ${samples} attempts took ${Math.round(medianSlotSeconds)} s in the median`,
  };
}
