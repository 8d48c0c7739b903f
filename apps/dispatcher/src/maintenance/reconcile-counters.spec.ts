import type { CounterDrift } from '@image-factory/persistence';
import { Metrics } from '@image-factory/telemetry';
import { describe, expect, it } from 'vitest';
import type { DispatcherRuntime } from '../runtime/dispatcher-runtime.js';
import { reconcileCounters } from './reconcile-counters.js';

/** A runtime whose queue has found this, with what it said and counted. */
function runtimeThatFinds(drift: CounterDrift, stranded: number) {
  const errors: string[] = [];
  const metrics = new Metrics();
  const runtime = {
    parts: {
      metrics,
      logger: { error: (message: string) => errors.push(message), warn: () => undefined },
      stores: { queue: { reconcileCounters: async () => drift, wakeStranded: async () => stranded } },
    },
  } as unknown as DispatcherRuntime;
  return { runtime, errors, drifted: () => metrics.view().counters.counterDrift ?? 0 };
}

describe('the reconciler of counters', () => {
  it('raises an alarm for each counter that had drifted, in the log and as a metric', async () => {
    const drift: CounterDrift = {
      drift: [{ tenantId: 't', counter: 'runningCpu', stored: 2000, actual: 1000 }],
      projects: [{ projectId: 'p', counter: 'running', stored: 2, actual: 1 }],
      providers: [],
    };
    const { runtime, errors, drifted } = runtimeThatFinds(drift, 0);
    expect(await reconcileCounters(runtime)).toBe(2);
    expect(drifted()).toBe(2);
    expect(errors).toHaveLength(1);
  });

  it('is silent where all is right', async () => {
    const { runtime, errors, drifted } = runtimeThatFinds({ drift: [], projects: [], providers: [] }, 3);
    expect(await reconcileCounters(runtime)).toBe(3);
    expect([drifted(), errors]).toEqual([0, []]);
  });
});
