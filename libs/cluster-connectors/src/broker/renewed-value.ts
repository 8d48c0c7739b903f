import { type Clock, DomainError, isDomainError, type Reason } from '@image-factory/domain';

/** A value that ends at a time. */
export interface EndingValue<T> {
  readonly value: T;
  /** From then on it must not be used; what the source needs as a margin is already taken off. */
  readonly expiresAt: Date;
}

export interface RenewedValueOptions<T> {
  /** What is renewed, for messages: `the token of cluster prod`. */
  readonly name: string;
  /**
   * Makes a new one; `refused`: because the last one was not accepted. What it throws must be a DomainError without a
   * secret.
   */
  readonly load: (signal: AbortSignal, refused: boolean) => Promise<EndingValue<T>>;
  readonly clock: Clock;
  /** 0 up to 1, for jitter. Default `Math.random`. */
  readonly random?: () => number;
  /** Limit of one load. Default 20 000. */
  readonly timeoutMs?: number;
}

/** How the renewals went. */
export interface RenewalView {
  readonly renewals: number;
  readonly failures: number;
  /** End of the value that is held; undefined when none is. */
  readonly expiresAt: Date | undefined;
  /** Why the last renewal failed; undefined when it did not. */
  readonly failure: Reason | undefined;
}

interface Held<T> {
  readonly value: T;
  readonly expiresAtMs: number;
  readonly endsAtMs: number;
  readonly renewAtMs: number;
  readonly loadedAtMs: number;
}

/** A value this young that is refused is refused for what it says: another like it would be, too. */
const YOUNG_MS = 60_000;
const MOST_REFUSAL_GAP_MS = 15 * 60_000;
const SHORTEST_RENEWAL_MS = 10_000;
const FIRST_BACK_OFF_MS = 1_000;
const FIRST_HOPELESS_BACK_OFF_MS = 15_000;
const MOST_BACK_OFF_MS = 60_000;

/**
 * A value that is asked for often and made seldom: a token, the description of a cluster.
 *
 * Modes. Empty: readers wait for one load, shared by all (single-flight). Fresh: readers get the value at once. Ageing
 * (past a point drawn between 60 and 80 % of its life): readers still get it at once, and the first of them starts the
 * renewal behind their backs. Ended: as empty. Failing: a load failed; until its back-off is over nobody loads, readers
 * get the value as long as it lives, and then the stored failure.
 *
 * No timer runs between reads, so a value that nobody asks for costs nothing. The end is judged by both clocks: the
 * monotonic one stands still while a machine sleeps, the wall clock can be set back.
 */
export class RenewedValue<T> {
  readonly #options: RenewedValueOptions<T>;
  #held: Held<T> | undefined;
  #loading: Promise<T> | undefined;
  #failed: { readonly error: DomainError; readonly retryAtMs: number; readonly times: number } | undefined;
  #refusals = 0;
  /** The last value was refused and none has been made since. */
  #refused = false;
  #renewals = 0;
  #failures = 0;

  constructor(options: RenewedValueOptions<T>) {
    this.#options = options;
  }

  /** @throws DomainError of the load; while its back-off lasts, the same again with `retryAfterSeconds` */
  async read(): Promise<T> {
    const held = this.#held;
    if (held === undefined || this.#hasEnded(held)) return this.#load();
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs >= held.renewAtMs && this.#loading === undefined && nowMs >= (this.#failed?.retryAtMs ?? 0)) {
      this.#load().catch(() => undefined);
    }
    return held.value;
  }

  /**
   * The value was refused by the one that it is for. True when the next read gives another one: somebody has renewed it
   * meanwhile, or this call has. False for a young value, and ever more seldom true while every new one is refused.
   */
  async invalidate(refused: T): Promise<boolean> {
    const held = this.#held;
    if (held !== undefined && held.value !== refused && !this.#hasEnded(held)) return true;
    const gapMs = Math.min(YOUNG_MS * 2 ** Math.max(0, this.#refusals - 1), MOST_REFUSAL_GAP_MS);
    if (held?.value === refused && this.#options.clock.monotonicMs() - held.loadedAtMs < gapMs) return false;
    if (held?.value === refused) {
      this.#held = undefined;
      this.#refused = true;
      this.#refusals += 1;
    }
    return (await this.read()) !== refused;
  }

  /** The value was accepted: the count of refusals begins anew. */
  accepted(): void {
    this.#refusals = 0;
  }

  view(): RenewalView {
    return {
      renewals: this.#renewals,
      failures: this.#failures,
      expiresAt: this.#held === undefined ? undefined : new Date(this.#held.expiresAtMs),
      failure: this.#failed?.error.reason,
    };
  }

  #hasEnded(held: Held<T>): boolean {
    const { clock } = this.#options;
    return clock.monotonicMs() >= held.endsAtMs || clock.now().getTime() >= held.expiresAtMs;
  }

  /** One load for all that ask, or the last failure while its back-off lasts. */
  #load(): Promise<T> {
    if (this.#loading !== undefined) return this.#loading;
    const waitMs = (this.#failed?.retryAtMs ?? 0) - this.#options.clock.monotonicMs();
    if (this.#failed !== undefined && waitMs > 0) return Promise.reject(again(this.#failed.error, waitMs));
    const loading = this.#loadOnce().finally(() => {
      this.#loading = undefined;
    });
    this.#loading = loading;
    return loading;
  }

  async #loadOnce(): Promise<T> {
    try {
      const loaded = await this.#inTime();
      this.#hold(loaded);
      return loaded.value;
    } catch (error) {
      throw this.#fail(isDomainError(error) ? error : unexpected(this.#options.name));
    }
  }

  #hold({ value, expiresAt }: EndingValue<T>): void {
    const { clock, random = Math.random } = this.#options;
    const nowMs = clock.monotonicMs();
    const lifeMs = expiresAt.getTime() - clock.now().getTime();
    if (lifeMs <= 0) throw endedEarly(this.#options.name);
    this.#held = {
      value,
      expiresAtMs: expiresAt.getTime(),
      endsAtMs: nowMs + lifeMs,
      // A source with a cache of its own gives the same value again: the floor keeps that from being asked ever faster.
      renewAtMs: nowMs + Math.max(lifeMs * (0.6 + 0.2 * random()), SHORTEST_RENEWAL_MS),
      loadedAtMs: nowMs,
    };
    this.#failed = undefined;
    this.#refused = false;
    this.#renewals += 1;
  }

  #fail(error: DomainError): DomainError {
    const { clock, random = Math.random } = this.#options;
    const times = (this.#failed?.times ?? 0) + 1;
    const firstMs = error.retryable ? FIRST_BACK_OFF_MS : FIRST_HOPELESS_BACK_OFF_MS;
    const backOffMs = Math.min(firstMs * 2 ** (times - 1), MOST_BACK_OFF_MS) * (0.5 + 0.5 * random());
    const waitMs = Math.max(backOffMs, (error.retryAfterSeconds ?? 0) * 1000);
    this.#failed = { error, retryAtMs: clock.monotonicMs() + waitMs, times };
    this.#failures += 1;
    return again(error, waitMs);
  }

  /** The load, or its time limit: not every library heeds a signal. */
  async #inTime(): Promise<EndingValue<T>> {
    const { clock, load, name, timeoutMs = 20_000 } = this.#options;
    const stop = new AbortController();
    const limit = new AbortController();
    const late = clock.sleep(timeoutMs, limit.signal).then(
      () => {
        stop.abort();
        throw timedOut(name, timeoutMs);
      },
      () => new Promise<never>(() => undefined),
    );
    try {
      return await Promise.race([load(stop.signal, this.#refused), late]);
    } finally {
      limit.abort();
    }
  }
}

/** The same failure, with the time after which it is tried again. */
function again(error: DomainError, waitMs: number): DomainError {
  const { kind, reason, message, fault, retryable, details } = error;
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new DomainError({ kind, reason, message, fault, retryable, details, retryAfterSeconds });
}

function timedOut(name: string, timeoutMs: number): DomainError {
  return unavailable('DeadlineExceeded', `Renewing ${name} took longer than ${timeoutMs / 1000} s.`);
}

function endedEarly(name: string): DomainError {
  return unavailable(
    'Unavailable',
    `Renewing ${name} gave one that has already ended; check that the clock of this host is right.`,
  );
}

function unexpected(name: string): DomainError {
  return unavailable('Unavailable', `Renewing ${name} failed in an unexpected way.`);
}

function unavailable(kind: 'Unavailable' | 'DeadlineExceeded', message: string): DomainError {
  const details = { outcome: 'notSent' };
  return new DomainError({ kind, reason: 'CloudUnavailable', fault: 'cluster', retryable: true, message, details });
}
