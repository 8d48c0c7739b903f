import type { BreakerState } from './circuit-breaker.js';
import type { ClassQueues, Waiter } from './class-queues.js';
import { REQUEST_CLASSES, type RequestClass } from './request-class.js';

/** Since the connection was opened. */
export interface ClassTotals {
  granted: number;
  /** Kept away or not given a turn: nothing was sent. */
  refused: number;
  /** Sum of the waits of those that were granted. */
  waitedMs: number;
}

export interface ClassPressure extends Readonly<ClassTotals> {
  readonly waiting: number;
  readonly inFlight: number;
}

/** What metrics and health show of a cluster's pressure. Rates in requests per second. */
export interface PressureView {
  readonly breaker: BreakerState;
  readonly ratePerSecond: number;
  readonly ceilingPerSecond: number;
  readonly tokens: number;
  readonly classes: Readonly<Record<RequestClass, ClassPressure>>;
}

export function newTotals(): Record<RequestClass, ClassTotals> {
  return byClass(() => ({ granted: 0, refused: 0, waitedMs: 0 }));
}

export function pressureView<W extends Waiter>(
  queues: ClassQueues<W>,
  totals: Readonly<Record<RequestClass, ClassTotals>>,
  cluster: Omit<PressureView, 'classes'>,
): PressureView {
  const classes = byClass((one) => ({
    ...totals[one],
    waiting: queues.waiting(one),
    inFlight: queues.inFlight(one),
  }));
  return { ...cluster, classes };
}

function byClass<T>(make: (requestClass: RequestClass) => T): Record<RequestClass, T> {
  return Object.fromEntries(REQUEST_CLASSES.map((one) => [one, make(one)])) as Record<RequestClass, T>;
}
