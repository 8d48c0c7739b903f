/** What a request is for. Each class has a share of its cluster's requests that no other class can take. */
export const REQUEST_CLASSES = ['create', 'stop', 'sweep', 'status', 'logs', 'probe'] as const;

/**
 * `create`: a tenant's place and an attempt's objects. `stop`: cancels, and what is deleted before an attempt may end.
 * `sweep`: deletes of what finished attempts left, of which thousands may be due at once. `status`: lists, watches, reads of runs.
 * `logs`: step logs, and the last lines of failed steps. `probe`: health and reachability, which are never refused by the breaker.
 */
export type RequestClass = (typeof REQUEST_CLASSES)[number];

/**
 * Whether a node answers, through the API server, which sheds no load by refusing such requests: once one is sent, how late
 * its answer comes and how it fails says nothing of the API server.
 */
export function isFromNode(requestClass: RequestClass): boolean {
  return requestClass === 'logs';
}

interface ClassShare {
  /** Part of the tokens while every class waits: weight over the sum of weights. What a class leaves, others use. */
  readonly weight: number;
  /** Requests at once that are kept for this class alone. */
  readonly reservedSlots: number;
  /** Most requests that wait; one more is refused at once. */
  readonly maxWaiting: number;
  /**
   * Longest time for which a Retry-After holds the class: cancels and probes are few, and must not wait for an hour; logs
   * are of many nodes, of which one was meant.
   */
  readonly maxHoldMs: number;
}

const HOUR_MS = 3_600_000;

/**
 * `create` and `sweep` may not wait in such numbers that they fill a dispatcher's reconciles of one provider (256 at
 * once), or cancels would wait behind them there.
 */
export const CLASS_SHARES: Readonly<Record<RequestClass, ClassShare>> = {
  create: { weight: 4, reservedSlots: 3, maxWaiting: 100, maxHoldMs: HOUR_MS },
  stop: { weight: 3, reservedSlots: 2, maxWaiting: 256, maxHoldMs: 60_000 },
  sweep: { weight: 2, reservedSlots: 1, maxWaiting: 100, maxHoldMs: 60_000 },
  status: { weight: 4, reservedSlots: 3, maxWaiting: 400, maxHoldMs: HOUR_MS },
  logs: { weight: 2, reservedSlots: 2, maxWaiting: 256, maxHoldMs: 60_000 },
  probe: { weight: 1, reservedSlots: 1, maxWaiting: 64, maxHoldMs: 60_000 },
};

/** Sum of what is reserved: there must be more slots than this. */
export const RESERVED_SLOTS = REQUEST_CLASSES.reduce((sum, one) => sum + CLASS_SHARES[one].reservedSlots, 0);
