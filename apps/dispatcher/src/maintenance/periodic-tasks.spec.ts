import type { InvariantReport, QueueTotals } from '@image-factory/persistence';
import { Metrics } from '@image-factory/telemetry';
import { describe, expect, it } from 'vitest';
import type { DispatcherRuntime } from '../runtime/dispatcher-runtime.js';
import { periodicTasks } from './periodic-tasks.js';

const NOTHING = { count: 0, examples: [] };
const REPORT = { orphans: NOTHING, stranded: NOTHING, duplicates: NOTHING, unsealed: NOTHING, drift: NOTHING };

const TASKS = new Set(['measure-queue', 'reconcile-counters', 'check-invariants']);

/** The dispatcher `me` among those that live, oldest first; what it looks at is counted. */
function dispatcher(me: string, live: readonly string[]) {
  const looked: string[] = [];
  const runtime = {
    invariants: { ...REPORT } as unknown as InvariantReport,
    queueTotals: {} as QueueTotals,
    lease: { dispatcherId: me },
    judge: { judgedAt: () => new Date() },
    parts: {
      metrics: new Metrics(),
      logger: { error: () => undefined, warn: () => undefined },
      stores: {
        ownership: { liveDispatchers: async () => live.map((id) => ({ id })) },
        invariants: { read: async () => (looked.push('invariants'), { ...REPORT, foreign: NOTHING }) },
        queueTotals: { read: async () => (looked.push('queue'), {}) },
        queue: {
          reconcileCounters: async () => (looked.push('counters'), { drift: [], projects: [], providers: [] }),
          wakeStranded: async () => 0,
        },
      },
    },
  } as unknown as DispatcherRuntime;
  const round = async (): Promise<void> => {
    for (const { name, run } of periodicTasks(1_000)) {
      if (TASKS.has(name)) await run(runtime);
    }
  };
  return { runtime, looked, round };
}

describe('what looks at whole tables', () => {
  it('is done by the oldest dispatcher that lives', async () => {
    const { looked, round } = dispatcher('a', ['a', 'b']);
    await round();
    expect(looked).toEqual(['queue', 'counters', 'invariants']);
  });

  it('is not done by the others, who say nothing of it any more', async () => {
    const { runtime, looked, round } = dispatcher('b', ['a', 'b']);
    await round();
    expect(looked).toEqual([]);
    expect(runtime.invariants).toBeUndefined();
    expect(runtime.queueTotals).toBeUndefined();
  });
});

describe('what ends something because of the time', () => {
  it.each(['release-abandoned', 'expire-queued', 'forget-dispatchers'])(
    '%s is given the time, or not done',
    async (name) => {
      const at = new Date();
      const given: unknown[] = [];
      const act = async (...args: unknown[]): Promise<number> => given.push(args.at(-1));
      const expireQueued = async (...args: unknown[]): Promise<unknown[]> => [{ tenantId: `t${await act(...args)}` }];
      const stores = { queue: { releaseAbandoned: act, expireQueued }, leases: { forgetGone: act } };
      const run = periodicTasks(1_000).find((task) => task.name === name)?.run;
      const round = async (judgedAt: Date | undefined): Promise<unknown> =>
        run?.({
          judge: { judgedAt: () => judgedAt },
          parts: { stores, metrics: new Metrics() },
        } as unknown as DispatcherRuntime);
      expect(await round(undefined)).toBe(0);
      expect(given).toEqual([]);
      expect(await round(at)).toBe(1);
      expect(given).toEqual([at]);
    },
  );
});
