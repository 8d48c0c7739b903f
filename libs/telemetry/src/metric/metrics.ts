import { type Attributes, type Counter, type Histogram, type Meter, metrics as otelMetrics } from '@opentelemetry/api';
import { DURATION_BUCKETS_S, DurationSummary, type DurationView } from './duration-summary.js';
import { BoundedLabels } from './bounded-labels.js';
import { type CounterName, type GaugeName, type HistogramName, metricNames } from './metric-names.js';

/** One value of a gauge, with what tells it apart. */
export interface GaugeReading {
  readonly value: number;
  readonly attributes: Attributes;
}

/** Totals since the process began, for JSON views. */
export interface MetricsView {
  readonly counters: Readonly<Partial<Record<CounterName, number>>>;
  readonly durations: Readonly<Partial<Record<HistogramName, DurationView>>>;
}

/**
 * Counters, durations and gauges of one process, written to OpenTelemetry and summed here as well, so that the
 * admin's JSON view and Prometheus read the same numbers. Instruments are made on first use: the meter provider must be
 * registered (`startTelemetry`) before.
 */
export class Metrics {
  private readonly counters = new Map<CounterName, { instrument: Counter; labels: BoundedLabels; total: number }>();
  private readonly durations = new Map<
    HistogramName,
    { instrument: Histogram; labels: BoundedLabels; summary: DurationSummary }
  >();
  private readonly gauges = new Map<GaugeName, () => readonly GaugeReading[]>();

  constructor(private readonly meter: Meter = otelMetrics.getMeter('image-factory')) {}

  /** Adds to a counter. Attributes should have few values; those beyond a bound are counted as `other`. */
  count(name: CounterName, amount = 1, attributes: Attributes = {}): void {
    let entry = this.counters.get(name);
    if (entry === undefined) {
      const { description, unit, name: metricName } = metricNames[name];
      const instrument = this.meter.createCounter(metricName, { description, unit });
      entry = { instrument, labels: new BoundedLabels(), total: 0 };
      this.counters.set(name, entry);
    }
    entry.total += amount;
    entry.instrument.add(amount, entry.labels.bound(attributes));
  }

  /** Records one duration in seconds; a negative one (two machines' clocks) counts as zero. Attributes as in `count`. */
  recordSeconds(name: HistogramName, seconds: number, attributes: Attributes = {}): void {
    let entry = this.durations.get(name);
    if (entry === undefined) {
      const { description, unit, name: metricName } = metricNames[name];
      const advice = { explicitBucketBoundaries: [...DURATION_BUCKETS_S] };
      const instrument = this.meter.createHistogram(metricName, { description, unit, advice });
      entry = { instrument, labels: new BoundedLabels(), summary: new DurationSummary() };
      this.durations.set(name, entry);
    }
    const value = Math.max(0, seconds);
    entry.summary.record(value);
    entry.instrument.record(value, entry.labels.bound(attributes));
  }

  /** Registers what a gauge reads when it is scraped; a second registration of a name replaces the first. */
  observe(name: GaugeName, read: () => number): void {
    this.observeMany(name, () => [{ value: read(), attributes: {} }]);
  }

  /** As `observe`, for a gauge with attributes: they must have few values, and what reads them must bound how many. */
  observeMany(name: GaugeName, read: () => readonly GaugeReading[]): void {
    const isNew = !this.gauges.has(name);
    this.gauges.set(name, read);
    if (!isNew) return;
    const { description, unit, name: metricName } = metricNames[name];
    this.meter.createObservableGauge(metricName, { description, unit }).addCallback((result) => {
      for (const { value, attributes } of this.gauges.get(name)?.() ?? []) result.observe(value, attributes);
    });
  }

  view(): MetricsView {
    return {
      counters: Object.fromEntries([...this.counters].map(([name, entry]) => [name, entry.total])),
      durations: Object.fromEntries([...this.durations].map(([name, entry]) => [name, entry.summary.view()])),
    };
  }
}
