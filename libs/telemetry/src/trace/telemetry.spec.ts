import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Metrics } from '../metric/metrics.js';
import { currentTraceId, currentTraceparent, withSpan } from './span.js';
import { startTelemetry, type Telemetry } from './start-telemetry.js';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('telemetry of a process', () => {
  let telemetry: Telemetry;
  beforeAll(async () => {
    telemetry = await startTelemetry({ service: 'image-factory-test', version: '0.0.0' });
  });
  afterAll(() => telemetry.shutdown());

  it('serves counters, durations and gauges as Prometheus text', async () => {
    const metrics = new Metrics();
    metrics.count('claims', 2, { method: 'kaniko' });
    metrics.recordSeconds('createDuration', 0.25);
    metrics.observe('slots', () => 50);
    const text = await telemetry.metricsText();
    expect(text).toContain('image_factory_claims_total{method="kaniko"} 2');
    expect(text).toContain('image_factory_create_seconds_sum 0.25');
    expect(text).toContain('image_factory_slots 50');
  });

  it('continues the trace of a parent', async () => {
    const inside = await withSpan('place', {}, async () => [currentTraceId(), currentTraceparent()] as const, PARENT);
    expect(inside[0]).toBe('0af7651916cd43dd8448eb211c80319c');
    expect(inside[1]).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/);
    expect(currentTraceparent()).toBeUndefined();
  });

  it('begins a trace of its own when the parent is not a traceparent', async () => {
    const id = await withSpan('place', {}, async () => currentTraceId(), 'nonsense');
    expect(id).toMatch(/^[0-9a-f]{32}$/);
  });

  it('passes on what its work throws', async () => {
    await expect(withSpan('place', {}, async () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });
});
