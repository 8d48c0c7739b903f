import { CLASS_SHARES, REQUEST_CLASSES, RESERVED_SLOTS, type RequestClass } from './request-class.js';

/** A request that waits for its turn. */
export interface Waiter {
  readonly requestClass: RequestClass;
  /** Streams take a token and no slot: they are open for long. */
  readonly stream: boolean;
  readonly sinceMs: number;
}

interface ClassQueue<W> {
  readonly waiting: Set<W>;
  inFlight: number;
  /** Virtual time: grants over weight. The class with the least is next. */
  pass: number;
  heldUntilMs: number;
}

/**
 * Who is next. Per class a queue, first come first served; between classes stride scheduling: each grant moves its class
 * ahead by one over its weight, so that classes that wait get tokens as their weights are, and what one does not use
 * the others do. Slots: each class has some of its own, the rest is for all. A class that was told Retry-After waits
 * alone. Pure.
 */
export class ClassQueues<W extends Waiter> {
  readonly #queues: Readonly<Record<RequestClass, ClassQueue<W>>>;
  readonly #sharedSlots: number;
  #pass = 0;

  constructor(slots: number) {
    this.#sharedSlots = slots - RESERVED_SLOTS;
    const empty = (): ClassQueue<W> => ({ waiting: new Set(), inFlight: 0, pass: 0, heldUntilMs: 0 });
    this.#queues = {
      create: empty(),
      stop: empty(),
      sweep: empty(),
      status: empty(),
      logs: empty(),
      probe: empty(),
    };
  }

  waiting(requestClass: RequestClass): number {
    return this.#queues[requestClass].waiting.size;
  }

  /** How many of the class would have a turn before one that comes now. */
  ahead(requestClass: RequestClass, stream: boolean): number {
    const { waiting } = this.#queues[requestClass];
    if (!stream || this.hasSlot(requestClass)) return waiting.size;
    return [...waiting].filter((waiter) => waiter.stream).length;
  }

  inFlight(requestClass: RequestClass): number {
    return this.#queues[requestClass].inFlight;
  }

  isFull(requestClass: RequestClass): boolean {
    return this.waiting(requestClass) >= CLASS_SHARES[requestClass].maxWaiting;
  }

  /** Milliseconds for which the class is held by a Retry-After. */
  heldMs(requestClass: RequestClass, nowMs: number): number {
    return Math.max(0, this.#queues[requestClass].heldUntilMs - nowMs);
  }

  hold(requestClass: RequestClass, untilMs: number): void {
    const queue = this.#queues[requestClass];
    queue.heldUntilMs = Math.max(queue.heldUntilMs, untilMs);
  }

  add(waiter: W): void {
    const queue = this.#queues[waiter.requestClass];
    // One that comes back from idling gets no credit for the time.
    if (queue.waiting.size === 0) queue.pass = Math.max(queue.pass, this.#pass);
    queue.waiting.add(waiter);
  }

  remove(waiter: W): void {
    this.#queues[waiter.requestClass].waiting.delete(waiter);
  }

  /** All that wait. */
  all(): readonly W[] {
    return REQUEST_CLASSES.flatMap((one) => [...this.#queues[one].waiting]);
  }

  /** The first of each class: nobody in it has waited for longer. */
  heads(): readonly W[] {
    return REQUEST_CLASSES.flatMap((one) => {
      const [first] = this.#queues[one].waiting;
      return first === undefined ? [] : [first];
    });
  }

  /** Who goes next, if there is a token; undefined when nobody may. */
  next(nowMs: number): W | undefined {
    let best: W | undefined;
    for (const one of REQUEST_CLASSES) {
      const first = this.heldMs(one, nowMs) > 0 ? undefined : this.#firstThatMay(one);
      if (first === undefined) continue;
      if (best === undefined || this.#queues[one].pass < this.#queues[best.requestClass].pass) best = first;
    }
    return best;
  }

  grant(waiter: W): void {
    const queue = this.#queues[waiter.requestClass];
    queue.waiting.delete(waiter);
    this.#pass = queue.pass;
    queue.pass += 1 / CLASS_SHARES[waiter.requestClass].weight;
    if (!waiter.stream) queue.inFlight += 1;
  }

  release(waiter: W): void {
    if (!waiter.stream) this.#queues[waiter.requestClass].inFlight -= 1;
  }

  /** Slots that the class has while no other needs any. */
  mostSlots(requestClass: RequestClass): number {
    return CLASS_SHARES[requestClass].reservedSlots + this.#sharedSlots;
  }

  /** One of its own or of the shared slots is free. */
  hasSlot(requestClass: RequestClass): boolean {
    const own = CLASS_SHARES[requestClass].reservedSlots;
    if (this.#queues[requestClass].inFlight < own) return true;
    const shared = REQUEST_CLASSES.reduce(
      (sum, one) => sum + Math.max(0, this.#queues[one].inFlight - CLASS_SHARES[one].reservedSlots),
      0,
    );
    return shared < this.#sharedSlots;
  }

  /** Who needs a slot holds up no stream behind it. */
  #firstThatMay(requestClass: RequestClass): W | undefined {
    const { waiting } = this.#queues[requestClass];
    const [head] = waiting;
    if (head === undefined || head.stream || this.hasSlot(requestClass)) return head;
    for (const waiter of waiting) if (waiter.stream) return waiter;
    return undefined;
  }
}
