import { randomUUID } from 'node:crypto';
import { DomainError } from '@image-factory/domain';
import { PostgresInvariants } from '@image-factory/persistence';
import { eventually } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness } from './dispatcher-harness.js';

let harness: DispatcherHarness;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
});
afterEach(() => harness.close());

/** Sweeps come every 0.6 s. */
const OFTEN = { periodicScale: 0.01 } as const;

describe('the two-way sweep', () => {
  it('removes a Secret that a frozen dispatcher made after its attempt had been swept', async () => {
    await harness.start(OFTEN);
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed');
    const execution = await eventually('it is swept', async () => {
      const row = await harness.execution(buildId);
      return row.swept_at === null ? undefined : row;
    });
    const [placed] = await harness.database.query<{ shard: number; namespace: string }>(
      'SELECT shard, namespace FROM build_executions WHERE id = $1',
      [execution.id],
    );
    harness.cluster.secrets.set(execution.pipeline_run_name ?? '', { executionId: execution.id, ...placed! });
    await eventually('the late Secret is gone', () => harness.cluster.secrets.size === 0);
    expect((await harness.build(buildId)).status).toBe('completed');
  });

  it('leaves a run on its cluster until its end in the database is old enough to be durable', async () => {
    const runRetentionMs = 2_000;
    await harness.start({ limits: { ...harness.limits, runRetentionMs } });
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed');
    const swept = await eventually('it is swept', async () => {
      const [row] = await harness.database.query<{ after_ms: number | null }>(
        `SELECT extract(epoch FROM swept_at - finished_at) * 1000 AS after_ms FROM build_executions`,
      );
      return row?.after_ms ?? undefined;
    });
    expect(Number(swept)).toBeGreaterThanOrEqual(runRetentionMs);
    expect(harness.cluster.runs.size).toBe(0);
  });

  it('removes the Secret of an attempt that was lost as soon as its cluster returns, and not its run', async () => {
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
    await harness.start({ watchStaleMs: 200, limits: { ...harness.limits, runRetentionMs: 600_000 } });
    const buildId = await harness.submit();
    const { pipeline_run_name: name } = await harness.inState(buildId, 'starting');
    harness.cluster.reachable = false;
    await harness.inState(buildId, 'lost', 30_000);
    expect(harness.cluster.secrets.has(name ?? '')).toBe(true);
    harness.cluster.reachable = true;
    await eventually('its Secret is gone', () => !harness.cluster.secrets.has(name ?? ''), { deadlineMs: 40_000 });
    expect(harness.cluster.runs.has(name ?? '')).toBe(true);
    expect((await harness.execution(buildId)).swept_at).toBeNull();
  });

  it('does not wait for the Secret of a lost attempt whose provider leads to another cluster when it returns', async () => {
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
    await harness.start({ watchStaleMs: 200 });
    const buildId = await harness.submit();
    const { id } = await harness.inState(buildId, 'starting');
    harness.cluster.reachable = false;
    await harness.inState(buildId, 'lost', 30_000);
    harness.cluster.beforeRemoveCredentials = () => {
      throw new DomainError({ kind: 'Conflict', reason: 'ProviderChanged', message: 'another one', fault: 'cluster' });
    };
    harness.cluster.reachable = true;
    // By its id: another attempt of the build may be under way.
    const swept = async (): Promise<boolean> =>
      (await harness.database.query('SELECT 1 FROM build_executions WHERE id = $1 AND swept_at IS NOT NULL', [id]))
        .length > 0;
    await eventually('it is swept', swept, { deadlineMs: 40_000 });
  });

  it('leaves a Secret without a row alone, and says so among the invariants', async () => {
    await harness.start(OFTEN);
    harness.cluster.secrets.set('stray', { executionId: randomUUID(), shard: 3 });
    const invariants = new PostgresInvariants(harness.database);
    const report = await eventually('the alarm is raised', async () => {
      const read = await invariants.read();
      return read.orphans.count > 0 ? read : undefined;
    });
    expect(report.orphans).toEqual({ count: 1, examples: ['fake/stray'] });
    expect([...harness.cluster.secrets.keys()]).toEqual(['stray']);
    harness.cluster.secrets.clear();
    await eventually('the alarm ends', async () => (await invariants.read()).orphans.count === 0);
  });

  it('sweeps the other providers while one does not answer', async () => {
    const other = await harness.addProvider('cluster-2');
    harness.cluster.reachable = false;
    await harness.start(OFTEN);
    other.cluster.secrets.set('stray', { executionId: randomUUID(), shard: 0 });
    const invariants = new PostgresInvariants(harness.database);
    await eventually('the other is swept', async () => (await invariants.read()).orphans.count === 1);
  });
});
