/** Rates in requests per second. */
export interface AdaptiveBucketOptions {
  readonly floorPerSecond: number;
  readonly ceilingPerSecond: number;
  /** An answer that takes longer counts as a sign of overload. */
  readonly slowAfterMs: number;
}

/** While requests have had to wait for tokens within this time, good answers raise the rate. */
const DEMAND_MS = 1_000;
/** Part of the ceiling that a second of good answers adds. */
const INCREASE = 0.1;

/**
 * A token bucket whose rate follows what the server can take: additive increase, multiplicative decrease. A slow answer,
 * a 429 or a failure halves the rate, once per round trip (a request that was sent before the last cut says nothing
 * new); good answers raise it by a tenth of the ceiling a second, but only while more is wanted. The bucket holds one second's worth.
 * Pure: the caller gives the monotonic time.
 */
export class AdaptiveBucket {
  #rate: number;
  #tokens: number;
  #filledAtMs: number;
  #shortAtMs = Number.NEGATIVE_INFINITY;
  #cutAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly options: AdaptiveBucketOptions,
    nowMs: number,
  ) {
    this.#rate = Math.max(options.floorPerSecond, options.ceilingPerSecond / 2);
    this.#tokens = this.#capacity;
    this.#filledAtMs = nowMs;
  }

  get ratePerSecond(): number {
    return this.#rate;
  }

  tokens(nowMs: number): number {
    this.#fill(nowMs);
    return this.#tokens;
  }

  /** Takes a token; false when there is none now. */
  take(nowMs: number): boolean {
    this.#fill(nowMs);
    if (this.#tokens < 1) {
      this.#shortAtMs = nowMs;
      return false;
    }
    this.#tokens -= 1;
    return true;
  }

  /** Milliseconds until there is a token. */
  nextTokenMs(nowMs: number): number {
    this.#fill(nowMs);
    return this.#tokens >= 1 ? 0 : Math.max(1, Math.ceil(((1 - this.#tokens) / this.#rate) * 1000));
  }

  /** The server answered. `judged` false: its time says nothing, as for streams. */
  answered(sentAtMs: number, nowMs: number, judged: boolean): void {
    if (judged && nowMs - sentAtMs > this.options.slowAfterMs) return this.cut(sentAtMs, nowMs);
    if (nowMs - this.#shortAtMs > DEMAND_MS) return;
    this.#fill(nowMs);
    const { ceilingPerSecond } = this.options;
    this.#rate = Math.min(ceilingPerSecond, this.#rate + (INCREASE * ceilingPerSecond) / this.#rate);
  }

  /** The server has too much, or fails. */
  cut(sentAtMs: number, nowMs: number): void {
    if (sentAtMs < this.#cutAtMs) return;
    this.#fill(nowMs);
    this.#cutAtMs = nowMs;
    this.#rate = Math.max(this.options.floorPerSecond, this.#rate / 2);
    this.#tokens = Math.min(this.#tokens, this.#capacity);
  }

  get #capacity(): number {
    return Math.max(1, this.#rate);
  }

  #fill(nowMs: number): void {
    const gained = ((nowMs - this.#filledAtMs) / 1000) * this.#rate;
    this.#tokens = Math.min(this.#capacity, this.#tokens + Math.max(0, gained));
    this.#filledAtMs = Math.max(this.#filledAtMs, nowMs);
  }
}
