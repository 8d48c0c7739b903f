/** What is known about the queue when somebody asks how long a build may wait. */
export interface WaitFacts {
  /** 1 is next in its tenant. */
  readonly position: number;
  readonly running: number;
  /** The tenant's own limit, or the one that the build waits for room under. */
  readonly maxRunning: number;
  /** What runs under that limit is others' too, and not said. */
  readonly isHidden?: boolean;
  readonly guaranteed: number;
  /** What all tenants together may run: the slots of live dispatchers, within the installation's limit. */
  readonly slots: number;
  readonly slotsTaken: number;
  /** The tenant's weight, and the sum of those that run or wait now, its own included. */
  readonly weight: number;
  readonly weights: number;
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
 * How long a build at `position` waits when slots free up as evenly as they did lately: one every median/share seconds,
 * where the share is what the tenant can expect to run at once beside the others. Undefined when nothing is known or
 * nothing can run.
 */
export function estimateWait(facts: WaitFacts): WaitEstimate | undefined {
  const { position, running, maxRunning, isHidden = false, medianSlotSeconds, samples } = facts;
  const share = expectedShare(facts);
  if (share <= 0 || medianSlotSeconds === undefined) return undefined;
  const ahead = position - Math.max(0, Math.min(maxRunning - running, freeSlots(facts)));
  const under = isHidden ? '' : `, ${running} of ${maxRunning} run`;
  const beside = !isHidden && share < maxRunning ? `, a share of ${Math.round(share * 10) / 10} slots` : '';
  return {
    seconds: ahead <= 0 ? 0 : Math.round((ahead * medianSlotSeconds) / share),
    basis:
      `position ${position}${under}${beside}, ` +
      `the last ${samples} attempts took ${Math.round(medianSlotSeconds)} s in the median`,
  };
}

function freeSlots({ slots, slotsTaken }: WaitFacts): number {
  return Math.max(0, slots - slotsTaken);
}

/** What it runs and what is free, or its share by weight, or its guarantee; never more than its limit and all slots. */
function expectedShare(facts: WaitFacts): number {
  const { running, maxRunning, guaranteed, slots, weight, weights } = facts;
  const byWeight = (slots * weight) / Math.max(weight, weights);
  return Math.min(maxRunning, slots, Math.max(running + freeSlots(facts), guaranteed, byWeight));
}
