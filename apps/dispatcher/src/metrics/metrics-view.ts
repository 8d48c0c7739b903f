import type { MetricsView } from '@image-factory/telemetry';

/** The dispatcher's numbers as the admin API shows them (`GET /admin/dispatcher/metrics`): the published names, all numeric. */
export function metricsView(view: MetricsView): Record<string, number> {
  const { counters, durations } = view;
  const claimed = durations.placementDuration;
  const created = durations.createDuration;
  const { queueWait, logLag } = durations;
  return {
    claims: counters.claims ?? 0,
    dispatches: counters.dispatches ?? 0,
    claim_errors: counters.claimErrors ?? 0,
    dispatch_errors: counters.dispatchErrors ?? 0,
    requeues: counters.requeues ?? 0,
    skipped_for_limit: counters.skippedForLimit ?? 0,
    parks: counters.parks ?? 0,
    counter_drift: counters.counterDrift ?? 0,
    adoptions: counters.adoptions ?? 0,
    lease_losses: counters.leaseLosses ?? 0,
    log_bytes: counters.logBytes ?? 0,
    log_gaps: counters.logGaps ?? 0,
    claim_latency_ms_p50: toMs(claimed?.p50Seconds),
    claim_latency_ms_p95: toMs(claimed?.p95Seconds),
    dispatch_latency_ms_p50: toMs(created?.p50Seconds),
    dispatch_latency_ms_p95: toMs(created?.p95Seconds),
    queue_wait_ms_p50: toMs(queueWait?.p50Seconds),
    queue_wait_ms_p95: toMs(queueWait?.p95Seconds),
    log_lag_ms_p50: toMs(logLag?.p50Seconds),
    log_lag_ms_p95: toMs(logLag?.p95Seconds),
    claim_latency_ms: toMs(claimed?.meanSeconds),
    dispatch_latency_ms: toMs(created?.meanSeconds),
  };
}

function toMs(seconds: number | undefined): number {
  return Math.round((seconds ?? 0) * 1_000_000) / 1000;
}
