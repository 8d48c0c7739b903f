/** Memory of a build's pod, in bytes. */
export interface MemoryGiven {
  readonly requestBytes: number;
  /** Undefined: no limit was set, the node's own memory ran out. */
  readonly limitBytes: number | undefined;
}

/** Each step gives twice as much. */
const FACTOR = 2;

/**
 * Memory for the attempt after one that ran out of it: twice as much, at most the tenant's cap. Undefined when that is
 * no more than it had: then another attempt would only end so again.
 */
export function escalatedMemory(given: MemoryGiven, capBytes: number | undefined): number | undefined {
  const had = given.limitBytes ?? given.requestBytes;
  const next = Math.min(had * FACTOR, capBytes ?? Number.POSITIVE_INFINITY);
  return next > had ? next : undefined;
}
