import { metrics as otelMetrics } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTelemetry, type Telemetry } from '../trace/start-telemetry.js';
import { MAX_LABEL_VALUES } from './bounded-labels.js';
import { Metrics } from './metrics.js';

describe('the labels of a metric', () => {
  let telemetry: Telemetry;
  beforeEach(async () => {
    telemetry = await startTelemetry({ service: 'test', version: '0' });
  });
  afterEach(async () => {
    await telemetry.shutdown();
    otelMetrics.disable();
  });

  it('tell apart as many tenants as they may, count all others together and lose none', async () => {
    const metrics = new Metrics();
    const tenants = 2 * MAX_LABEL_VALUES;
    for (let round = 0; round < 2; round += 1) {
      for (let tenant = 0; tenant < tenants; tenant += 1) {
        metrics.count('tenantClockTimeouts', 1, { clock: 'run', tenant: `tenant-${tenant}` });
        metrics.recordSeconds('tenantClock', 1, { clock: 'run', tenant: `tenant-${tenant}` });
      }
    }
    const lines = (await telemetry.metricsText()).split('\n');
    const counted = lines.filter((line) => line.startsWith('image_factory_tenant_clock_timeouts_total{'));
    expect(counted).toHaveLength(MAX_LABEL_VALUES + 1);
    expect(counted.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)).toBe(2 * tenants);
    expect(counted.find((line) => line.includes('tenant="other"'))).toMatch(/ 600$/);
    const timed = lines.filter((line) => line.startsWith('image_factory_tenant_clock_seconds_count{'));
    expect(timed).toHaveLength(MAX_LABEL_VALUES + 1);
  });
});
