import type { QueueTotals } from '@image-factory/persistence';
import type { GaugeReading, Metrics } from '@image-factory/telemetry';

/** The queue of all tenants; shown by the oldest dispatcher alone, which looks at it for all. */
export function observeQueue(metrics: Metrics, read: () => QueueTotals | undefined): void {
  const show = (value: (totals: QueueTotals) => GaugeReading[]) => (): GaugeReading[] => {
    const totals = read();
    return totals === undefined ? [] : value(totals);
  };
  metrics.observeMany(
    'queueBuilds',
    show(({ queued, parked, running }) =>
      Object.entries({ queued, parked, running }).map(([state, value]) => ({ value, attributes: { state } })),
    ),
  );
  metrics.observeMany(
    'queueLongestWait',
    show(({ longestWaitSeconds: value }) => [{ value, attributes: {} }]),
  );
  metrics.observeMany(
    'queuePaused',
    show(({ paused }) => [{ value: paused ? 1 : 0, attributes: {} }]),
  );
}
