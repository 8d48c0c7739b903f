import { describe, expect, it } from 'vitest';
import { DurationSummary } from './duration-summary.js';
import { metricNames } from './metric-names.js';
import { Metrics } from './metrics.js';

describe('Metrics', () => {
  it('sums counters over their attributes for the JSON view', () => {
    const metrics = new Metrics();
    metrics.count('claims');
    metrics.count('claims', 2, { method: 'kaniko' });
    metrics.recordSeconds('queueWait', -1);
    expect(metrics.view()).toMatchObject({
      counters: { claims: 3 },
      durations: { queueWait: { count: 1, maxSeconds: 0 } },
    });
  });

  it('names are unique, prefixed and without a suffix that the exporter adds', () => {
    const names = Object.values(metricNames).map((metric) => metric.name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^image_factory_[a-z_]+$/);
    for (const name of names) expect(name).not.toMatch(/_total$/);
  });
});

describe('DurationSummary', () => {
  it('is zero without values', () => {
    expect(new DurationSummary().view()).toMatchObject({ count: 0, meanSeconds: 0, p99Seconds: 0 });
  });

  it('bounds its quantiles by buckets and by the largest value', () => {
    const summary = new DurationSummary();
    for (let value = 1; value <= 100; value += 1) summary.record(value / 1000);
    const view = summary.view();
    expect(view).toMatchObject({ count: 100, p50Seconds: 0.05, p95Seconds: 0.1, maxSeconds: 0.1 });
    expect(view.meanSeconds).toBeCloseTo(0.0505, 4);
    summary.record(4000);
    expect(summary.view().maxSeconds).toBe(4000);
  });
});
