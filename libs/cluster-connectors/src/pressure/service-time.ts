import { REQUEST_CLASSES, type RequestClass } from './request-class.js';

/** Weight of the newest answer in the mean. */
const NEWEST = 0.2;

interface ClassTimes {
  meanMs: number;
  /** Starts of those under way, oldest first. */
  readonly startedMs: Map<object, number>;
}

/**
 * How long a request of a class takes now: the moving mean, or the age of the oldest that is under way when that is
 * more, so that a server that has stopped to answer is known as slow before its first failure. Pure.
 */
export class ServiceTime {
  readonly #classes = new Map<RequestClass, ClassTimes>(
    REQUEST_CLASSES.map((one) => [one, { meanMs: 0, startedMs: new Map<object, number>() }]),
  );

  begin(requestClass: RequestClass, request: object, nowMs: number): void {
    this.#classes.get(requestClass)?.startedMs.set(request, nowMs);
  }

  end(requestClass: RequestClass, request: object, nowMs: number): void {
    const times = this.#classes.get(requestClass);
    const startedMs = times?.startedMs.get(request);
    if (times === undefined || startedMs === undefined) return;
    times.startedMs.delete(request);
    times.meanMs += NEWEST * (nowMs - startedMs - times.meanMs);
  }

  ms(requestClass: RequestClass, nowMs: number): number {
    const times = this.#classes.get(requestClass);
    if (times === undefined) return 0;
    const [oldestMs] = times.startedMs.values();
    return Math.max(times.meanMs, oldestMs === undefined ? 0 : nowMs - oldestMs);
  }
}
