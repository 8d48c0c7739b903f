import { Shown } from '../../http/response/shown.js';

/** How fast a cluster's API server answered its last probes. */
export class ApiLatencyResponse {
  @Shown('integer', { description: 'Probes that were answered, of those that are kept' }) readonly probes!: number;
  @Shown('integer') readonly p50_ms!: number;
  @Shown('integer') readonly p95_ms!: number;
  @Shown('integer') readonly p99_ms!: number;
}

/** Percentiles by nearest rank; undefined when none was answered. */
export function apiLatency(samplesMs: readonly (number | undefined)[]): ApiLatencyResponse | undefined {
  const sorted = samplesMs.filter((one) => one !== undefined).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const at = (q: number): number => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
  return { probes: sorted.length, p50_ms: at(0.5), p95_ms: at(0.95), p99_ms: at(0.99) };
}
