import { attemptTag } from '@image-factory/domain';
import { eventually, TestSignal, type FakeRun } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness, LEASE_MS, REPOSITORY } from './dispatcher-harness.js';

let harness: DispatcherHarness;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
});
afterEach(() => harness.close());

function hold(): void {
  harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
}

async function runOf(buildId: string): Promise<FakeRun> {
  return eventually('its run is there', () => harness.cluster.runOfBuild(buildId), { deadlineMs: 20_000 });
}

describe('a cancel', () => {
  it('of a queued build touches no cluster', async () => {
    const buildId = await harness.submit();
    await harness.cancel(buildId);
    await harness.start();
    await harness.reaches(buildId, 'cancelled');
    expect(harness.cluster.createRequests).toEqual([]);
  });

  it('while placing releases the claim and touches no cluster', async () => {
    const preparing = new TestSignal();
    const goOn = new TestSignal();
    harness.cluster.beforePrepare = () => {
      preparing.raise();
      return goOn.raised;
    };
    await harness.start();
    const buildId = await harness.submit();
    await preparing.raised;
    expect(await harness.cancel(buildId)).toMatchObject({ kind: 'cancelling' });
    goOn.raise();
    await harness.reaches(buildId, 'cancelled');
    expect(harness.cluster.createRequests).toEqual([]);
    expect(await harness.counters()).toEqual({ lane: 0, provider: 0 });
  });

  it('before the create makes no run', async () => {
    harness.cluster.failCreates(...Array.from({ length: 50 }, () => 'retry-later' as const));
    await harness.start();
    const buildId = await harness.submit();
    await harness.inState(buildId, 'creating');
    await harness.cancel(buildId);
    await harness.reaches(buildId, 'cancelled');
    expect(harness.cluster.created).toEqual([]);
  });

  it('while starting or running stops the run, and is confirmed only when no pod runs', async () => {
    hold();
    harness.cluster.podsLinger = true;
    await harness.start();
    const buildId = await harness.submit();
    const run = await runOf(buildId);
    harness.cluster.startRun(run);
    await harness.inState(buildId, 'running');
    expect(await harness.cancel(buildId)).toMatchObject({ kind: 'cancelling' });
    const execution = await harness.inState(buildId, 'sealing');
    expect(execution).toMatchObject({ stop_intent: 'UserCancel', outcome: 'cancelled' });
    expect((await harness.build(buildId)).status).toBe('cancelling');
    expect(await harness.counters()).toEqual({ lane: 1, provider: 1 });
    harness.cluster.killPods(run);
    expect(await harness.reaches(buildId, 'cancelled')).toMatchObject({ reason: 'Cancelled' });
    expect(harness.cluster.stops.map((stop) => stop.intent)).toEqual(['UserCancel']);
  });

  it('of an attempt that might be repeated waits for no registry that cannot be asked', async () => {
    const failure = { reason: 'PodEvicted', fault: 'cluster' } as const;
    harness.cluster.scriptRun = () => ({ exitCode: 1, failure });
    harness.publisher.away = true;
    await harness.start({ limits: { ...harness.limits, publishLimitMs: 600_000 } });
    const buildId = await harness.submit();
    await eventually('the registry is asked', () => harness.publisher.askedInVain > 0, { deadlineMs: 20_000 });
    await harness.cancel(buildId);
    expect(await harness.reaches(buildId, 'cancelled')).toMatchObject({ attempt: 1 });
    expect(await harness.counters()).toEqual({ lane: 0, provider: 0 });
  });

  it('that loses the race against the end leaves the build completed', async () => {
    hold();
    harness.publisher.beforePut = () => new TestSignal().raised;
    await harness.start();
    const buildId = await harness.submit();
    const run = await runOf(buildId);
    harness.cluster.startRun(run);
    harness.cluster.endRun(run);
    await harness.inState(buildId, 'promoting');
    await harness.cancel(buildId);
    const next = await harness.start();
    await harness.dispatchers[0]?.abandon();
    harness.publisher.beforePut = () => Promise.resolve();
    expect(next.runtime).toBeDefined();
    await harness.reaches(buildId, 'completed');
  });
});

describe('the clocks', () => {
  it('stop a run that does not start, with the intent stored before the stop', async () => {
    hold();
    await harness.start();
    const buildId = await harness.submit({ startLimitMinutes: 1 });
    const run = await runOf(buildId);
    const stored: (string | null)[] = [];
    harness.cluster.beforeStop = async () => void stored.push((await harness.execution(buildId)).stop_intent);
    run.waiting = { reason: 'Unschedulable', message: '0/3 nodes are available' };
    harness.cluster.changed(run);
    await eventually(
      'the reason is shown',
      async () => (await harness.execution(buildId)).waiting_reason === 'Unschedulable',
    );
    expect(await harness.timeline(buildId)).toContain('waiting:Unschedulable');
    Object.assign(run, { createdAt: new Date(Date.now() - 120_000) });
    await harness.database.query(`UPDATE build_executions SET created_at = now() - interval '2 minutes'`);
    expect(await harness.inState(buildId, 'failed')).toMatchObject({ attempt: 1, reason: 'StartTimeout' });
    expect(harness.cluster.stops).toEqual([{ name: run.name, intent: 'StartLimit' }]);
    expect(stored).toEqual(['StartLimit']);
  });

  it('stop a run that runs too long', async () => {
    hold();
    await harness.start();
    const buildId = await harness.submit({ buildTimeoutMinutes: 1 });
    const run = await runOf(buildId);
    harness.cluster.startRun(run);
    await harness.inState(buildId, 'running');
    await harness.database.query(`UPDATE build_executions SET run_since = now() - interval '2 minutes'`);
    run.firstStepStartedAt = new Date(Date.now() - 61_000);
    expect(await harness.reaches(buildId, 'failed')).toMatchObject({ reason: 'RunTimeout' });
    expect((await harness.execution(buildId)).stop_intent).toBe('RunLimit');
  });

  it('move what is left on a provider whose drain is past its deadline', async () => {
    const other = await harness.addProvider('cluster-2');
    hold();
    await harness.start();
    const buildId = await harness.submit({ requestedProviderId: harness.providerId });
    await runOf(buildId);
    await harness.database.query('UPDATE builds SET requested_provider_id = NULL');
    await harness.database.query(
      `UPDATE providers SET state = 'draining', drain_deadline_at = now() + interval '100 ms' WHERE id = $1`,
      [harness.providerId],
    );
    await eventually('the second attempt is made', () => other.cluster.runOfBuild(buildId), { deadlineMs: 30_000 });
    const [first, second] = await harness.executions(buildId);
    expect(first).toMatchObject({ state: 'moved', reason: 'Drain', attempt: 1 });
    expect(second).toMatchObject({ attempt: 2, provider_id: other.id });
  });
});

describe('a create', () => {
  it('whose answer is lost is sent again, and finds its run', async () => {
    harness.cluster.failCreates('unknown-committed', 'unknown');
    await harness.start();
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed');
    expect(harness.cluster.created).toHaveLength(1);
    expect(new Set(harness.cluster.createRequests).size).toBe(1);
  });

  it('that is refused after an unknown one is not taken for one that made nothing', async () => {
    harness.cluster.failCreates('unknown-committed', 'refused');
    await harness.start();
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed');
    expect(harness.cluster.created).toHaveLength(1);
  });

  it('that is refused after an unknown one fails only when the run is absent past the request deadline', async () => {
    harness.cluster.failCreates('unknown', ...Array.from({ length: 50 }, () => 'refused' as const));
    await harness.start();
    const buildId = await harness.submit();
    expect(await harness.reaches(buildId, 'failed')).toMatchObject({ reason: 'PipelineRunRefused' });
    const [times] = await harness.database.query<{ ms: number }>(
      `SELECT extract(epoch FROM outcome_at - placed_at) * 1000 AS ms FROM build_executions WHERE build_id = $1`,
      [buildId],
    );
    expect(Number(times?.ms)).toBeGreaterThan(800);
  });

  it('that is refused after an unknown one fails before that may have landed when it is not remembered', async () => {
    harness.cluster.failCreates('unknown', ...Array.from({ length: 50 }, () => 'refused' as const));
    const dispatcher = await harness.start({ limits: { ...harness.limits, requestDeadlineMs: 600_000 } });
    const { executions } = dispatcher.runtime!.parts.stores;
    Object.assign(executions, { markCreateUnknown: () => Promise.resolve('done') });
    const buildId = await harness.submit();
    expect(await harness.reaches(buildId, 'failed')).toMatchObject({ reason: 'PipelineRunRefused' });
  });

  it('that is refused for the user’s fault fails the build at once', async () => {
    harness.cluster.failCreates('refused');
    await harness.start();
    const buildId = await harness.submit();
    expect(await harness.reaches(buildId, 'failed')).toMatchObject({ reason: 'PipelineRunRefused', attempt: 1 });
    const { id } = await harness.execution(buildId);
    const end = (await harness.storedLog(id, 'image-factory', 'end')).bytes.toString();
    expect(end).toContain('failed (PipelineRunRefused)');
  });

  it('that is refused for the cluster’s fault is tried as another attempt', async () => {
    harness.cluster.failCreates('refused-by-cluster');
    await harness.start();
    const buildId = await harness.submit();
    expect(await harness.reaches(buildId, 'completed', 30_000)).toMatchObject({ attempt: 2 });
    expect((await harness.executions(buildId)).map((row) => row.state)).toEqual(['moved', 'succeeded']);
  });

  it('that is put off is repeated in place', async () => {
    harness.cluster.failCreates('retry-later', 'retry-later');
    await harness.start();
    const buildId = await harness.submit();
    expect(await harness.reaches(buildId, 'completed')).toMatchObject({ attempt: 1 });
  });
});

describe('a create without an answer', () => {
  it('that is never answered ends by its absence past the budget, and is not sent for ever', async () => {
    harness.cluster.failCreates(...Array.from({ length: 500 }, () => 'unknown' as const));
    await harness.start();
    const buildId = await harness.submit();
    expect(await harness.inState(buildId, 'moved', 30_000)).toMatchObject({ reason: 'ClusterUnavailable', attempt: 1 });
  });

  it('that a dead owner sent and did not note is found when its repetition is refused', async () => {
    const created = new TestSignal();
    harness.cluster.afterCreate = () => {
      created.raise();
      return new TestSignal().raised;
    };
    const dead = await harness.start();
    const buildId = await harness.submit();
    await created.raised;
    await dead.abandon();
    harness.cluster.afterCreate = () => Promise.resolve();
    harness.cluster.failCreates('refused');
    await harness.start();
    expect(await harness.reaches(buildId, 'completed')).toMatchObject({ attempt: 1 });
    expect(harness.cluster.created).toHaveLength(1);
  });
});

describe('a run that is gone', () => {
  it('ends although the registry can never be asked for its image', async () => {
    harness.publisher.findAttemptImage = () => Promise.resolve({ kind: 'unknown', message: 'no route' });
    hold();
    await harness.start();
    const buildId = await harness.submit();
    const run = await runOf(buildId);
    harness.cluster.startRun(run);
    await harness.inState(buildId, 'running');
    harness.cluster.dropRun(run);
    expect(await harness.inState(buildId, 'failed')).toMatchObject({ attempt: 1, reason: 'PipelineRunDeleted' });
  });

  it('counts as succeeded when its image stands under the attempt tag', async () => {
    hold();
    await harness.start();
    const buildId = await harness.submit();
    const run = await runOf(buildId);
    harness.cluster.startRun(run);
    await harness.inState(buildId, 'running');
    harness.cluster.images.set(`${REPOSITORY}:${attemptTag({ buildId, attempt: 1 })}`, 'sha256:feed');
    harness.cluster.dropRun(run);
    await harness.reaches(buildId, 'completed');
    expect(harness.cluster.images.get(`${REPOSITORY}:latest`)).toBe('sha256:feed');
  });

  it('is made again when nothing was pushed', async () => {
    hold();
    await harness.start();
    const buildId = await harness.submit();
    const run = await runOf(buildId);
    harness.cluster.startRun(run);
    harness.cluster.print(run, 0, 'half');
    await harness.inState(buildId, 'running');
    harness.cluster.dropRun(run);
    expect(await harness.inState(buildId, 'failed')).toMatchObject({ attempt: 1, reason: 'PipelineRunDeleted' });
    await eventually('the second attempt is made', () => harness.cluster.runOfBuild(buildId), { deadlineMs: 20_000 });
    expect(harness.cluster.created).toHaveLength(2);
  });
});

describe('an attempt that is to be moved', () => {
  it('is the build’s success when its image stands under the attempt tag already', async () => {
    hold();
    await harness.start();
    const buildId = await harness.submit();
    const run = await runOf(buildId);
    harness.cluster.startRun(run);
    await harness.inState(buildId, 'running');
    harness.cluster.images.set(`${REPOSITORY}:${attemptTag({ buildId, attempt: 1 })}`, 'sha256:feed');
    await harness.database.query(
      `UPDATE providers SET state = 'draining', drain_deadline_at = now() - interval '1 second'`,
    );
    expect(await harness.reaches(buildId, 'completed')).toMatchObject({ attempt: 1 });
    expect(harness.cluster.images.get(`${REPOSITORY}:latest`)).toBe('sha256:feed');
  });
});

describe('a lost cluster', () => {
  const lose = async (): Promise<string> => {
    const buildId = await harness.submit();
    const run = await runOf(buildId);
    harness.cluster.startRun(run);
    await harness.inState(buildId, 'running');
    harness.cluster.reachable = false;
    return buildId;
  };

  it('keeps its executions until the deadline, and they go on when it returns', async () => {
    hold();
    await harness.start({ watchStaleMs: 200, limits: { ...harness.limits, lossLimitMs: 600_000 } });
    const buildId = await lose();
    await eventually('the loss is stored', async () => {
      const [row] = await harness.database.query<{ lost: boolean }>(
        'SELECT first_loss_at IS NOT NULL AS lost FROM build_executions WHERE build_id = $1',
        [buildId],
      );
      return row?.lost;
    });
    expect((await harness.execution(buildId)).state).toBe('running');
    harness.cluster.reachable = true;
    const run = await runOf(buildId);
    harness.cluster.endRun(run);
    expect(await harness.reaches(buildId, 'completed')).toMatchObject({ attempt: 1 });
  });

  it('loses an attempt only when every dispatcher has failed to reach it, and repeats it behind its tag', async () => {
    hold();
    let secondReaches = true;
    await harness.start({ watchStaleMs: 200 }, {}, { reaches: () => false });
    await harness.start({ watchStaleMs: 200 }, {}, { reaches: () => secondReaches, reachesAlways: true });
    const buildId = await lose();
    await eventually('one dispatcher reports it', async () => (await unreachableCount()) >= 1);
    await passTime(LEASE_MS * 2);
    expect((await harness.execution(buildId)).state).toBe('running');
    secondReaches = false;
    const lost = await harness.inState(buildId, 'lost', 30_000);
    expect(lost).toMatchObject({ reason: 'ClusterLost', slot_held: false });
    expect(lost.log_gap).toContain('was not read');
    await harness.reaches(buildId, 'queued');
  });

  it('loses an attempt although the registry can never be asked for its image', async () => {
    harness.publisher.findAttemptImage = () => Promise.resolve({ kind: 'unknown', message: 'no route' });
    hold();
    await harness.start({ watchStaleMs: 200 });
    const buildId = await lose();
    expect(await harness.inState(buildId, 'lost', 30_000)).toMatchObject({ reason: 'ClusterLost' });
  });

  it('never repeats a packer build whose loss nothing fences', async () => {
    hold();
    await harness.start({ watchStaleMs: 200 });
    const buildId = await harness.submit({
      buildMethod: 'packer',
      imageRepository: undefined,
      tags: [],
      config: { packer_template: 'a.pkr.hcl' },
    });
    harness.cluster.startRun(await runOf(buildId));
    await harness.inState(buildId, 'running');
    harness.cluster.reachable = false;
    expect(await harness.reaches(buildId, 'failed', 30_000)).toMatchObject({ reason: 'ClusterLost', attempt: 1 });
  });

  async function unreachableCount(): Promise<number> {
    const [row] = await harness.database.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM dispatchers WHERE cardinality(unreachable_providers) > 0`,
    );
    return row?.count ?? 0;
  }

  /** Waits by the database's clock until a heartbeat is so much older than a mark: time that must really pass. */
  async function passTime(ms: number): Promise<void> {
    const [mark] = await harness.database.query<{ at: Date }>('SELECT clock_timestamp() AS at');
    await eventually('time passes', async () => {
      const [row] = await harness.database.query<{ over: boolean }>(
        `SELECT clock_timestamp() > $1::timestamptz + $2::integer * interval '1 millisecond' AS over`,
        [mark?.at, ms],
      );
      return row?.over;
    });
  }
});
