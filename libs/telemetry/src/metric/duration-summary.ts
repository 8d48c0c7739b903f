/** Upper bounds in seconds: from a cluster write to a build of an hour. */
export const DURATION_BUCKETS_S: readonly number[] = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 3600,
];

/** What a summary says; quantiles are upper bounds of their bucket, `maxSeconds` is exact. */
export interface DurationView {
  readonly count: number;
  readonly meanSeconds: number;
  readonly p50Seconds: number;
  readonly p95Seconds: number;
  readonly p99Seconds: number;
  readonly maxSeconds: number;
}

/** Durations of one kind in fixed memory. */
export class DurationSummary {
  private readonly buckets = new Array<number>(DURATION_BUCKETS_S.length + 1).fill(0);
  private count = 0;
  private sum = 0;
  private max = 0;

  record(seconds: number): void {
    const index = DURATION_BUCKETS_S.findIndex((bound) => seconds <= bound);
    const bucket = index === -1 ? DURATION_BUCKETS_S.length : index;
    this.buckets[bucket] = (this.buckets[bucket] ?? 0) + 1;
    this.count += 1;
    this.sum += seconds;
    this.max = Math.max(this.max, seconds);
  }

  view(): DurationView {
    return {
      count: this.count,
      meanSeconds: this.count === 0 ? 0 : this.sum / this.count,
      p50Seconds: this.quantile(0.5),
      p95Seconds: this.quantile(0.95),
      p99Seconds: this.quantile(0.99),
      maxSeconds: this.max,
    };
  }

  private quantile(fraction: number): number {
    let remaining = Math.ceil(fraction * this.count);
    if (remaining === 0) return 0;
    for (const [index, size] of this.buckets.entries()) {
      remaining -= size;
      if (remaining <= 0) return Math.min(DURATION_BUCKETS_S[index] ?? this.max, this.max);
    }
    return this.max;
  }
}
