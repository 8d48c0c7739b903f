import { type Clock, isDomainError } from '@image-factory/domain';
import { AdaptiveBucket } from './adaptive-bucket.js';
import { CircuitBreaker, type BreakerState, type BreakerTicket } from './circuit-breaker.js';
import { ClassQueues, type Waiter } from './class-queues.js';
import { keptAway, throttled, verdictOf } from './pressure-error.js';
import type { PressureOptions } from './pressure-options.js';
import { ServiceTime } from './service-time.js';
import { newTotals, pressureView, type ClassTotals, type PressureView } from './pressure-view.js';
import { CLASS_SHARES, isFromNode, type RequestClass } from './request-class.js';

/** What a request is to the pressure of its cluster. */
export interface PressedRequest {
  readonly requestClass: RequestClass;
  readonly stream: boolean;
  /** The caller's stop and the request's own time limit in one. */
  readonly signal: AbortSignal;
  /** True when it was the caller who stopped it, or may not send it: then nothing is learnt from its end. */
  readonly isStopped: () => boolean;
}

interface Waiting extends Waiter {
  readonly grant: () => void;
  readonly refuse: (error: Error) => void;
}

/**
 * What one process asks of one cluster: every request passes here, so that neither a full nor a dead server is asked
 * more, and no class of requests starves another.
 *
 * A request goes through, waits its turn (at most `maxWaitMs`, not at all when it would be in vain, and only so many
 * per class), or is refused with
 * `notSent`: ClusterThrottled when there is no turn for it, the last failure's reason while the breaker is open. How it
 * ends moves the rate (see AdaptiveBucket) and the breaker (see CircuitBreaker). Retry-After holds the class that was
 * told. Waiting costs memory only; there is one timer for all that wait.
 */
export class ClusterPressure {
  readonly #bucket: AdaptiveBucket;
  readonly #breaker: CircuitBreaker;
  readonly #queues: ClassQueues<Waiting>;
  readonly #service = new ServiceTime();
  readonly #totals: Readonly<Record<RequestClass, ClassTotals>> = newTotals();
  #lastFailure: unknown;
  #timer: AbortController | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;

  constructor(
    private readonly options: PressureOptions,
    private readonly clock: Clock,
  ) {
    this.#bucket = new AdaptiveBucket(options, clock.monotonicMs());
    this.#breaker = new CircuitBreaker(options.breaker);
    this.#queues = new ClassQueues(options.slots);
  }

  /** Does the work when it is its turn. @throws DomainError Unavailable with outcome `notSent`, the signal's reason, or what `work` throws */
  async run<T>(request: PressedRequest, work: () => Promise<T>): Promise<T> {
    const waiter = await this.#turn(request);
    const ticket = this.#breaker.begin(request.requestClass, request.stream, this.#nowMs());
    if (!request.stream) this.#service.begin(request.requestClass, ticket, ticket.sentAtMs);
    try {
      const result = await work();
      this.#answered(ticket, !request.stream && !isFromNode(request.requestClass));
      return result;
    } catch (error) {
      this.#failed(request, ticket, error);
      throw error;
    } finally {
      this.#service.end(request.requestClass, ticket, this.#nowMs());
      this.#queues.release(waiter);
      this.#pump();
    }
  }

  get breaker(): BreakerState {
    return this.#breaker.state(this.#nowMs());
  }

  view(): PressureView {
    const nowMs = this.#nowMs();
    return pressureView(this.#queues, this.#totals, {
      breaker: this.#breaker.state(nowMs),
      ratePerSecond: this.#bucket.ratePerSecond,
      ceilingPerSecond: this.options.ceilingPerSecond,
      tokens: this.#bucket.tokens(nowMs),
    });
  }

  /** Refuses all that wait. */
  close(): void {
    for (const waiter of this.#queues.all()) this.#refuse(waiter, throttled(waiter.requestClass, 0));
    this.#timer?.abort();
  }

  async #turn({ requestClass, stream, signal }: PressedRequest): Promise<Waiting> {
    signal.throwIfAborted();
    const sinceMs = this.#nowMs();
    const waitMs = this.#expectedWaitMs(requestClass, stream, sinceMs);
    const hopeless = waitMs > this.options.maxWaitMs || this.#queues.isFull(requestClass);
    const error = this.#breakerError(requestClass) ?? (hopeless ? throttled(requestClass, waitMs) : undefined);
    if (error !== undefined) {
      this.#totals[requestClass].refused += 1;
      throw error;
    }
    return new Promise((resolve, reject) => {
      const undo = (): void => signal.removeEventListener('abort', onAbort);
      const waiter: Waiting = {
        requestClass,
        stream,
        sinceMs,
        grant: () => {
          undo();
          resolve(waiter);
        },
        refuse: (reason) => {
          undo();
          reject(reason);
        },
      };
      const onAbort = (): void => this.#refuse(waiter, signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queues.add(waiter);
      this.#pump();
    });
  }

  /** Grants and refuses all that can be decided now, and sets the timer for what cannot. */
  #pump(): void {
    const nowMs = this.#nowMs();
    this.#expire(nowMs);
    for (;;) {
      const waiter = this.#queues.next(nowMs);
      if (waiter === undefined) break;
      const kept = this.#breakerError(waiter.requestClass);
      if (kept !== undefined) {
        this.#refuse(waiter, kept);
        continue;
      }
      if (!this.#bucket.take(nowMs)) break;
      this.#queues.grant(waiter);
      const totals = this.#totals[waiter.requestClass];
      totals.granted += 1;
      totals.waitedMs += nowMs - waiter.sinceMs;
      waiter.grant();
    }
    this.#schedule(nowMs);
  }

  #expire(nowMs: number): void {
    for (;;) {
      const late = this.#queues.heads().find((head) => nowMs - head.sinceMs >= this.options.maxWaitMs);
      if (late === undefined) return;
      this.#refuse(late, throttled(late.requestClass, this.options.maxWaitMs));
    }
  }

  #refuse(waiter: Waiting, error: Error): void {
    this.#queues.remove(waiter);
    this.#totals[waiter.requestClass].refused += 1;
    waiter.refuse(error);
  }

  /** At least so long: a wait that will be in vain is not begun, so that a slow server holds up few. */
  #expectedWaitMs(requestClass: RequestClass, stream: boolean, nowMs: number): number {
    const ahead = this.#queues.ahead(requestClass, stream) + 1;
    const forTokenMs = (1000 * (ahead - 1)) / this.#bucket.ratePerSecond;
    const free = stream || this.#queues.hasSlot(requestClass);
    const forSlotMs = free ? 0 : (ahead * this.#service.ms(requestClass, nowMs)) / this.#queues.mostSlots(requestClass);
    return Math.max(this.#queues.heldMs(requestClass, nowMs), forTokenMs, forSlotMs);
  }

  #breakerError(requestClass: RequestClass): Error | undefined {
    const refusalMs = this.#breaker.refusalMs(requestClass, this.#nowMs());
    return refusalMs === undefined ? undefined : keptAway(this.#lastFailure, refusalMs);
  }

  /** One timer: the next token, the end of a hold, or the end of the oldest one's patience. */
  #schedule(nowMs: number): void {
    const heads = this.#queues.heads();
    if (heads.length === 0) return;
    const { maxWaitMs } = this.options;
    const dueMs = heads.flatMap((head) => {
      const heldMs = this.#queues.heldMs(head.requestClass, nowMs);
      return heldMs > 0 ? [head.sinceMs + maxWaitMs, nowMs + heldMs] : [head.sinceMs + maxWaitMs];
    });
    if (this.#queues.next(nowMs) !== undefined) dueMs.push(nowMs + this.#bucket.nextTokenMs(nowMs));
    const nextMs = Math.min(...dueMs);
    if (this.#timer !== undefined && this.#timerDueMs <= nextMs) return;
    this.#timer?.abort();
    const timer = new AbortController();
    this.#timer = timer;
    this.#timerDueMs = nextMs;
    this.clock.sleep(Math.max(1, nextMs - nowMs), timer.signal).then(
      () => {
        if (this.#timer !== timer) return;
        this.#timer = undefined;
        this.#pump();
      },
      () => undefined,
    );
  }

  #answered(ticket: BreakerTicket, judged: boolean): void {
    const nowMs = this.#nowMs();
    this.#breaker.answered(ticket, nowMs);
    this.#bucket.answered(ticket.sentAtMs, nowMs, judged);
  }

  #failed(request: PressedRequest, ticket: BreakerTicket, error: unknown): void {
    const nowMs = this.#nowMs();
    if (request.isStopped()) return this.#breaker.dropped(ticket);
    const afterMs = isDomainError(error) ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
    const { maxHoldMs } = CLASS_SHARES[request.requestClass];
    if (afterMs > 0) this.#queues.hold(request.requestClass, nowMs + Math.min(afterMs, maxHoldMs));
    switch (verdictOf(error, request.requestClass)) {
      case 'answered':
        return this.#answered(ticket, false);
      case 'unknown':
        return this.#breaker.dropped(ticket);
      case 'throttled':
        this.#breaker.answered(ticket, nowMs);
        return this.#bucket.cut(ticket.sentAtMs, nowMs);
      case 'failed':
        this.#lastFailure = error;
        this.#breaker.failed(ticket, nowMs);
        return this.#bucket.cut(ticket.sentAtMs, nowMs);
    }
  }

  #nowMs(): number {
    return this.clock.monotonicMs();
  }
}
