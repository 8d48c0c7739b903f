import type { Fault, Reason } from '@image-factory/domain';
import { eventually } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness } from './dispatcher-harness.js';

let harness: DispatcherHarness;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
});
afterEach(() => harness.close());

interface Failure {
  readonly reason: Reason;
  readonly fault: Fault;
}

describe('of injected infrastructure failures', () => {
  /** mulberry32: the same failures at every run of a seed. */
  function randomOf(seed: number): () => number {
    let state = seed;
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  const INFRASTRUCTURE: readonly Failure[] = [
    { reason: 'PodEvicted', fault: 'cluster' },
    { reason: 'NodeUnreachable', fault: 'cluster' },
    { reason: 'PodDeleted', fault: 'cluster' },
    { reason: 'ImagePullFailed', fault: 'cluster' },
    { reason: 'Unschedulable', fault: 'cluster' },
    { reason: 'RegistryUnavailable', fault: 'cluster' },
    { reason: 'SecretMissing', fault: 'platform' },
  ];

  it('at least 97 % recover, and no user error is repeated', async () => {
    const others = [await harness.addProvider('cluster-2'), await harness.addProvider('cluster-3')];
    const injected = new Set<string>();
    const broken = new Set<string>();
    const numbers = new Map<string, number>();
    for (const cluster of [harness.cluster, ...others.map((one) => one.cluster)]) {
      cluster.scriptRun = (run) => {
        if (broken.has(run.buildId)) return { exitCode: 1 };
        // By number and attempt, not by who comes first: a seed injects the same in every run.
        const random = randomOf(20_261_121 + (numbers.get(run.buildId) ?? 0) * 1_000 + run.attempt);
        if (random() >= 0.4) return undefined;
        injected.add(run.buildId);
        return { exitCode: 1, failure: INFRASTRUCTURE[Math.floor(random() * INFRASTRUCTURE.length)] };
      };
    }
    await harness.start({ registryHold: { builds: 1_000, windowMs: 1_000, holdMs: { baseMs: 1, capMs: 1 } } });
    const builds: string[] = [];
    // None of them runs before all are known here.
    const goAt = new Date(Date.now() + 15_000);
    for (let n = 0; n < 120; n += 1) {
      const buildId = await harness.submit({ notBefore: goAt, tags: [`t${n}`] });
      builds.push(buildId);
      numbers.set(buildId, n);
      if (n % 10 === 0) broken.add(buildId);
    }
    await eventually(
      'all have ended',
      async () => {
        const [row] = await harness.database.query<{ live: number }>(
          `SELECT count(*)::int AS live FROM builds WHERE status NOT IN ('completed', 'failed', 'cancelled')`,
        );
        return row?.live === 0;
      },
      { deadlineMs: 150_000 },
    );
    const rows = await Promise.all(builds.map(async (id) => ({ id, row: await harness.build(id) })));
    const recovered = rows.filter(({ id, row }) => injected.has(id) && row.status === 'completed').length;
    expect(injected.size).toBeGreaterThan(25);
    expect(recovered / injected.size).toBeGreaterThanOrEqual(0.97);
    for (const { id, row } of rows.filter((one) => broken.has(one.id))) {
      expect(row, id).toMatchObject({ status: 'failed', reason: 'StepFailed', attempt: 1 });
    }
  }, 200_000);
});
