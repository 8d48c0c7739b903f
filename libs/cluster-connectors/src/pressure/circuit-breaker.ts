import { backOffMs, type BackOffOptions } from '../watch/back-off.js';
import { isFromNode, type RequestClass } from './request-class.js';

export interface CircuitBreakerOptions {
  /** So many failures in a row open it. */
  readonly failures: number;
  /** A short request that waits for so long, with no answer to any request meanwhile, keeps others away. */
  readonly stallMs: number;
  readonly reopen: BackOffOptions;
}

export type BreakerState = 'closed' | 'open' | 'half_open';

/** A request that is under way. */
export interface BreakerTicket {
  readonly sentAtMs: number;
  readonly trial: boolean;
}

/** When somebody should come again who comes while the trial is under way, or while the server is silent. */
const SOON_MS = 1_000;
/** Classes whose requests are short: lists and logs may take their time. */
const SHORT: readonly RequestClass[] = ['create', 'stop', 'sweep', 'probe'];

/**
 * Keeps requests away from a server that does not answer.
 *
 * Modes: `closed` → `open` (failures in a row, or silence: everybody but probes is refused at once, and nothing is
 * sent) → `half_open` (the back-off is over: one request may try) → `closed` by its success, or `open` for longer. A
 * probe is let through in every mode, and its answer closes the breaker as well. No log is the one that tries: while
 * nothing else is asked for, the next probe, watch or sweep is, within a minute. Silence ends by any answer. An answer
 * that refuses (4xx, 429) is an answer. Pure: the caller gives the monotonic time.
 */
export class CircuitBreaker {
  readonly #short = new Set<BreakerTicket>();
  #failures = 0;
  #openings = 0;
  #openUntilMs = 0;
  #answeredAtMs = Number.NEGATIVE_INFINITY;
  #trial: BreakerTicket | undefined;

  constructor(private readonly options: CircuitBreakerOptions) {}

  state(nowMs: number): BreakerState {
    if (this.#failures < this.options.failures) return this.#stalls(nowMs) ? 'open' : 'closed';
    return nowMs < this.#openUntilMs ? 'open' : 'half_open';
  }

  /** Milliseconds after which this class may come again; undefined when it may come now. */
  refusalMs(requestClass: RequestClass, nowMs: number): number | undefined {
    if (requestClass === 'probe') return undefined;
    if (this.#failures >= this.options.failures) {
      if (nowMs < this.#openUntilMs) return Math.ceil(this.#openUntilMs - nowMs);
      return this.#trial === undefined && !isFromNode(requestClass) ? undefined : SOON_MS;
    }
    return this.#stalls(nowMs) ? SOON_MS : undefined;
  }

  /** A request goes out; it must end by `answered`, `failed` or `dropped`. */
  begin(requestClass: RequestClass, stream: boolean, nowMs: number): BreakerTicket {
    const ticket = { sentAtMs: nowMs, trial: requestClass !== 'probe' && this.state(nowMs) === 'half_open' };
    if (ticket.trial) this.#trial = ticket;
    if (!stream && SHORT.includes(requestClass)) this.#short.add(ticket);
    return ticket;
  }

  answered(ticket: BreakerTicket, nowMs: number): void {
    this.dropped(ticket);
    this.#failures = 0;
    this.#openings = 0;
    this.#answeredAtMs = nowMs;
  }

  failed(ticket: BreakerTicket, nowMs: number): void {
    this.dropped(ticket);
    this.#failures += 1;
    // Those that were under way when it opened say nothing new.
    if (this.#failures < this.options.failures || nowMs < this.#openUntilMs) return;
    this.#openUntilMs = nowMs + backOffMs(this.#openings, this.options.reopen);
    this.#openings += 1;
  }

  /** It ended by our own will: nothing is known. */
  dropped(ticket: BreakerTicket): void {
    this.#short.delete(ticket);
    if (this.#trial === ticket) this.#trial = undefined;
  }

  #stalls(nowMs: number): boolean {
    const [oldest] = this.#short;
    if (oldest === undefined || nowMs - oldest.sentAtMs <= this.options.stallMs) return false;
    return this.#answeredAtMs < oldest.sentAtMs;
  }
}
