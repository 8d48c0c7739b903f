import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decideRetry, RETRY_DEFAULTS, type RetryDecision } from '@image-factory/domain';
import {
  PostgresExecutions,
  PostgresRetries,
  type ClaimedExecution,
  type FixedOutcome,
  type ShardLease,
} from '@image-factory/persistence';
import { fixedOutcome } from './fixed-outcome.js';
import { DIGEST, QueueWorld } from './queue-world.js';
import { weakened } from './weakened-database.js';

function outcome(over: Partial<FixedOutcome> = {}): FixedOutcome {
  return fixedOutcome({
    message: 'built',
    results: { commit: 'c'.repeat(40), IMAGE_DIGEST: DIGEST },
    finalDocument: '{"kind":"PipelineRun","log":"\\u0000"}',
    runSeconds: 12,
    startSeconds: 3,
    ...over,
  });
}

describe('a placed execution', () => {
  let world: QueueWorld;
  let tenant: string;
  let provider: string;
  let dispatcher: string;
  let build: string;
  let id: string;
  let fence: ShardLease;

  beforeEach(async () => {
    world = await QueueWorld.open();
    tenant = await world.tenant();
    provider = await world.provider();
    dispatcher = await world.dispatcher();
    build = await world.submit(tenant);
    const placed = await world.placed(dispatcher, provider);
    id = placed.claimed.executionId;
    fence = placed.fence;
  });
  afterEach(async () => {
    expect(await world.queue.reconcileCounters()).toEqual({ drift: [], projects: [], providers: [] });
    await world.close();
  });

  async function runTo(sealing: FixedOutcome): Promise<void> {
    expect(await world.executions.markStarting(fence, id, { uid: 'uid' })).toBe('done');
    expect(await world.executions.markRunning(fence, id, { firstStepStartedAt: new Date() })).toBe('done');
    expect(await world.executions.fixOutcome(fence, id, sealing)).toBe('done');
  }

  it('is compared with memory both ways: what is new, what is in another state, and what has no row', async () => {
    const row = {
      executionId: id,
      buildId: build,
      providerId: provider,
      state: 'creating',
      buildStatus: 'running',
    } as const;
    const against = (...known: Parameters<typeof world.executions.compareOwned>[1]) =>
      world.executions.compareOwned(dispatcher, known);
    expect(await against(row)).toEqual({ changed: [], gone: [] });
    expect(await against()).toEqual({ changed: [row], gone: [] });
    expect(await against({ ...row, state: 'starting' })).toEqual({ changed: [row], gone: [] });
    expect(await against({ ...row, buildStatus: 'cancelling' })).toEqual({ changed: [row], gone: [] });
    const other = randomUUID();
    expect(await against(row, { ...row, executionId: other })).toEqual({ changed: [], gone: [other] });
    await world.leases.release({ leases: [fence] });
    expect(await against(row)).toEqual({ changed: [], gone: [id] });
  });

  it('remembers the last create without an answer, not the first: until its deadline it may land', async () => {
    const since = async (): Promise<number> => {
      const row = await world.one<{ ms: number }>(
        'SELECT extract(epoch FROM now() - create_unknown_since)::float8 * 1000 AS ms FROM build_executions WHERE id = $1',
        [id],
      );
      return row.ms;
    };
    expect(await world.executions.markCreateUnknown(fence, id)).toBe('done');
    await world.database.query(`UPDATE build_executions SET create_unknown_since = now() - interval '1 hour'`);
    expect(await world.executions.markCreateUnknown(fence, id)).toBe('done');
    expect(await since()).toBeLessThan(60_000);
  });

  async function endWith(
    state: 'failed' | 'moved',
    retry: boolean,
    retryAfterMs?: number,
    decided?: RetryDecision,
  ): Promise<void> {
    await runTo(outcome({ outcome: state, reason: 'PodEvicted', imageDigest: undefined }));
    await world.executions.markPodsOver(fence, id);
    await world.executions.markSealed(fence, id, {});
    const decision = decided === undefined ? {} : { decision: decided };
    const finish = { state, reason: 'PodEvicted' as const, message: 'the node went away', retry, ...decision };
    expect(
      await world.executions.finish(fence, id, retryAfterMs === undefined ? finish : { ...finish, retryAfterMs }),
    ).toBe('done');
  }

  async function placeAgain(): Promise<ClaimedExecution> {
    const { claimed } = await world.placed(dispatcher, provider);
    id = claimed.executionId;
    return claimed;
  }

  it('goes from create to success with its tags, and its build is completed', async () => {
    await runTo(outcome());
    expect(await world.executions.markPodsOver(fence, id)).toBe('done');
    expect(await world.executions.markCredentialsRemoved(fence, id)).toBe('done');
    expect(await world.executions.markSealed(fence, id, {})).toBe('done');
    expect(await world.execution(id)).toMatchObject({ state: 'promoting' });
    const owned = await world.executions.findOne(dispatcher, id);
    expect(owned).toMatchObject({ executionId: id, state: 'promoting', imageDigest: DIGEST, fence, tags: ['latest'] });
    expect(await world.executions.markTagsPromoted(fence, id, DIGEST)).toEqual(['latest']);
    const finish = { state: 'succeeded' as const, reason: 'Succeeded' as const, message: 'done', retry: false };
    expect(await world.executions.finish(fence, id, finish)).toBe('done');
    expect(await world.build(build)).toMatchObject({ status: 'completed', image_digest: DIGEST });
    expect(await world.one('SELECT git_commit FROM builds WHERE id = $1', [build])).toEqual({
      git_commit: 'c'.repeat(40),
    });
    const artifact = await world.one('SELECT name, uri, digest FROM build_artifacts WHERE execution_id = $1', [id]);
    expect(artifact).toEqual({ name: 'image', uri: `registry.example/app@${DIGEST}`, digest: DIGEST });
    expect(await world.executions.markSwept(fence, id)).toBe('done');
    expect(await world.executions.findOne(dispatcher, id)).toBeUndefined();
    expect(await world.timeline(build)).toEqual([
      'build →queued',
      'build queued→running',
      'execution →placing',
      'execution placing→creating',
      'execution creating→starting',
      'execution starting→running',
      'execution running→sealing',
      'execution sealing→promoting',
      'execution promoting→succeeded',
      'build running→completed',
    ]);
  });

  it('frees its slots exactly once, however often it is said', async () => {
    await runTo(outcome());
    const marks = await Promise.all(Array.from({ length: 6 }, () => world.executions.markPodsOver(fence, id)));
    expect(new Set(marks)).toEqual(new Set(['done']));
    expect(await world.lane(tenant)).toEqual({ queued: 0, parked: 0, running: 0 });
    expect(await world.one('SELECT running FROM providers WHERE id = $1', [provider])).toEqual({ running: 0 });
  });

  it('wakes one build that waits for its provider when its slot is free', async () => {
    for (let n = 0; n < 2; n += 1) {
      await world.submit(tenant);
      const { executionId } = await world.claimOne(dispatcher);
      const parking = { reason: 'NoEligibleProvider' as const, message: '', wakeOn: `provider:${provider}` };
      await world.queue.park({ executionId, dispatcherId: dispatcher, parking });
    }
    await world.executions.markPodsOver(fence, id);
    expect(await world.lane(tenant)).toEqual({ queued: 1, parked: 1, running: 0 });
  });

  it('keeps its first verdict', async () => {
    await runTo(outcome({ outcome: 'failed', reason: 'StepFailed', message: 'exit code 1\u0000' }));
    expect(await world.executions.fixOutcome(fence, id, outcome())).toBe('state-moved');
    expect(await world.execution(id)).toMatchObject({ state: 'sealing', outcome: 'failed', reason: 'StepFailed' });
    const lost = { state: 'lost' as const, reason: 'ClusterLost' as const, message: '', retry: true };
    expect(await world.executions.finish(fence, id, lost)).toBe('state-moved');
    const succeeded = { state: 'succeeded' as const, reason: 'Succeeded' as const, message: '', retry: false };
    expect(await world.executions.finish(fence, id, succeeded)).toBe('state-moved');
  });

  it('changes its verdict when the move to it looks at no state', async () => {
    await runTo(outcome({ outcome: 'failed', reason: 'StepFailed' }));
    const unguarded = { of: 'move_to_sealing', without: / AND e\.state IN \([^)]*\)/ };
    const executions = new PostgresExecutions(weakened(world.database, unguarded));
    expect(await executions.fixOutcome(fence, id, outcome())).toBe('done');
    expect(await world.execution(id)).toMatchObject({ outcome: 'succeeded', reason: 'Succeeded' });
  });

  it('that makes no image succeeds from sealing, through promoting in its timeline', async () => {
    await world.submit(tenant, { method: 'packer' });
    await placeAgain();
    await runTo(outcome({ imageDigest: undefined, results: { MANIFEST: '{"artifacts":[]}' } }));
    await world.executions.markPodsOver(fence, id);
    await world.executions.markSealed(fence, id, { gap: 'the pod was evicted' });
    expect(await world.execution(id)).toMatchObject({ state: 'sealing' });
    const finish = { state: 'succeeded' as const, reason: 'Succeeded' as const, message: 'done', retry: false };
    expect(await world.executions.finish(fence, id, finish)).toBe('done');
    expect(await world.execution(id)).toMatchObject({ state: 'succeeded' });
    expect(await world.one('SELECT type FROM build_artifacts WHERE execution_id = $1', [id])).toEqual({
      type: 'packer-manifest',
    });
  });

  it('that failed for a cause that may be tried again puts its build back at its old place', async () => {
    await world.submit(tenant);
    await endWith('failed', true);
    expect(await world.build(build)).toMatchObject({ status: 'queued', attempt: 1, parked: null });
    expect(await placeAgain()).toMatchObject({ buildId: build, attempt: 2 });
  });

  it('that failed with a back-off parks its build until then', async () => {
    await endWith('failed', true, 60_000);
    expect(await world.build(build)).toMatchObject({ status: 'queued', parked: 'BackOff', queue_key: null });
    // A tenant reads this text under another reason than the attempt's: nothing of the cluster may stand in it.
    const { parked_message: told } = await world.one<{ parked_message: string }>(
      'SELECT parked_message FROM builds WHERE id = $1',
      [build],
    );
    expect(told).toContain('attempt 1 ended with PodEvicted');
    expect(told).not.toContain('went away');
    expect(await world.lane(tenant)).toEqual({ queued: 0, parked: 1, running: 0 });
  });

  it('keeps why it was repeated or not, and past the caps the build says so', async () => {
    await endWith('moved', true, undefined, decision(0));
    expect(await kept()).toMatchObject({
      retry_decision: 'retry',
      failure_class: 'disruption',
      avoided: true,
    });
    const retries = new PostgresRetries(world.database);
    expect(await retries.avoidedProviders(build)).toEqual([
      { providerId: provider, attempt: 1, reason: 'PodEvicted', nodes: [] },
    ]);
    expect((await retries.history(build)).sameClassBefore('disruption')).toBe(1);
    expect((await retries.history(build)).sameClassBefore('cluster')).toBe(0);
    expect(await placeAgain()).toMatchObject({ attempt: 2 });
    await endWith('failed', false, undefined, decision(99));
    expect(await kept()).toMatchObject({
      retry_decision: 'stop',
      retry_reason: 'ClassAttemptsUsed',
      avoided: false,
    });
    expect(await world.build(build)).toMatchObject({ status: 'failed', reason: 'AttemptsExhausted' });
    expect((await world.build(build)).message).toContain('PodEvicted: its pod was evicted');
  });

  it('takes none of the time for all attempts when a drain has moved it', async () => {
    const retries = new PostgresRetries(world.database);
    /** The attempt ends, having run from so many minutes ago to so many. */
    const ranFor = async (from: number, to: number, reason: 'Drain' | 'PodEvicted'): Promise<void> => {
      await endWith('moved', true);
      await world.database.query(
        `UPDATE build_executions SET reason = $2, claimed_at = now() - $3::integer * interval '1 minute',
                finished_at = now() - $4::integer * interval '1 minute' WHERE id = $1`,
        [id, reason, from, to],
      );
      await placeAgain();
    };
    const elapsedMinutes = async (): Promise<number> => Math.round((await retries.history(build)).elapsedMs / 60_000);
    await ranFor(500, 70, 'Drain');
    expect(await elapsedMinutes()).toBe(0);
    await ranFor(60, 50, 'PodEvicted');
    expect(await elapsedMinutes()).toBe(60);
    await ranFor(50, 10, 'Drain');
    expect(await elapsedMinutes()).toBe(20);
  });

  it('of a build that is being cancelled is not repeated, and says so', async () => {
    await runTo(outcome({ outcome: 'failed', reason: 'PodEvicted', imageDigest: undefined }));
    await world.queue.requestCancel({ buildId: build, tenantId: tenant, actor: 'user:a', reason: undefined });
    await world.executions.markPodsOver(fence, id);
    await world.executions.markSealed(fence, id, {});
    const finish = { state: 'failed' as const, reason: 'PodEvicted' as const, message: '', retry: true };
    expect(await world.executions.finish(fence, id, { ...finish, decision: decision(0) })).toBe('done');
    expect(await kept()).toMatchObject({ retry_decision: 'stop', retry_reason: 'BuildCancelled' });
    expect(await world.build(build)).toMatchObject({ status: 'cancelled', reason: 'Cancelled' });
    expect((await world.build(build)).message).toContain('the build was cancelled meanwhile');
  });

  function kept(): Promise<Record<string, unknown>> {
    return world.one(
      'SELECT failure_class, retry_decision, retry_reason, avoided FROM build_executions WHERE id = $1',
      [id],
    );
  }

  /** What the rules say of an eviction after so many others. */
  function decision(before: number): RetryDecision {
    const ended = { end: 'failed', reason: 'PodEvicted', fault: 'cluster', attempt: 2, buildMethod: 'kaniko' } as const;
    const facts = { ...ended, provedOver: true, ownRetriesUsed: false, canEscalate: false, placeRanOut: false };
    return decideRetry(facts, { sameClassBefore: () => before, elapsedMs: 0, movedBefore: 0 }, RETRY_DEFAULTS, 0);
  }

  it('that is lost frees its slots and may be tried again', async () => {
    expect(await world.executions.markLoss(fence, id, true)).toBe('done');
    expect(await world.executions.markLoss(fence, id, true)).toBe('done');
    const finish = {
      state: 'lost' as const,
      reason: 'ClusterLost' as const,
      message: 'no contact for 30 min',
      retry: true,
    };
    expect(await world.executions.finish(fence, id, finish)).toBe('done');
    expect(await world.build(build)).toMatchObject({ status: 'queued' });
    expect(await world.lane(tenant)).toEqual({ queued: 1, parked: 0, running: 0 });
  });

  it('that was stopped for a cancel ends as cancelled with its build', async () => {
    await world.queue.requestCancel({ buildId: build, tenantId: tenant, actor: 'user:a', reason: undefined });
    await runTo(outcome({ outcome: 'cancelled', reason: 'UserCancel', imageDigest: undefined }));
    await world.executions.markPodsOver(fence, id);
    await world.executions.markSealed(fence, id, {});
    const finish = { state: 'cancelled' as const, reason: 'UserCancel' as const, message: 'cancelled', retry: false };
    expect(await world.executions.finish(fence, id, finish)).toBe('done');
    expect(await world.build(build)).toMatchObject({ status: 'cancelled', reason: 'UserCancel' });
  });

  it('whose cancel came after its success is completed', async () => {
    await runTo(outcome());
    await world.queue.requestCancel({ buildId: build, tenantId: tenant, actor: 'user:a', reason: undefined });
    await world.executions.markPodsOver(fence, id);
    await world.executions.markSealed(fence, id, {});
    const finish = { state: 'succeeded' as const, reason: 'Succeeded' as const, message: 'done', retry: false };
    expect(await world.executions.finish(fence, id, finish)).toBe('done');
    expect(await world.build(build)).toMatchObject({ status: 'completed' });
  });

  it('ends once when several processes say how it ended', async () => {
    const lost = { state: 'lost' as const, reason: 'ClusterLost' as const, message: '', retry: false };
    const databases = await Promise.all(Array.from({ length: 5 }, () => world.connectAgain(1)));
    let finishing: Promise<string>[] = [];
    await world.database.transaction(async (tx) => {
      await tx.query('SELECT FROM build_executions WHERE id = $1 FOR UPDATE', [id]);
      finishing = databases.map((database) => new PostgresExecutions(database).finish(fence, id, lost));
      await world.inLine(5);
    });
    const results = await Promise.all(finishing);
    expect(results.filter((result) => result === 'done')).toHaveLength(1);
    expect(results.filter((result) => result === 'state-moved')).toHaveLength(4);
  });

  it.each(['failed', 'lost'] as const)('that is %s stays so, whatever is said about it later', async (state) => {
    if (state === 'failed') await endWith('failed', false);
    else await world.executions.finish(fence, id, { state, reason: 'ClusterLost', message: '', retry: false });
    const before = [await world.execution(id), await world.build(build), await world.timeline(build)];
    const said = [
      await world.executions.markStarting(fence, id, { uid: 'late' }),
      await world.executions.markRunning(fence, id, { firstStepStartedAt: new Date() }),
      await world.executions.markCreateUnknown(fence, id),
      await world.executions.setWaiting(fence, id, { reason: 'PullingImage', message: '' }),
      await world.executions.setStopIntent(fence, id, 'Drain'),
      await world.executions.fixOutcome(fence, id, outcome()),
      await world.executions.markLoss(fence, id, true),
      await world.executions.finish(fence, id, { state: 'succeeded', reason: 'Succeeded', message: '', retry: false }),
      await world.executions.finish(fence, id, { state: 'moved', reason: 'Drain', message: '', retry: true }),
    ];
    expect(new Set(said)).toEqual(new Set(['state-moved']));
    expect(await world.executions.markPodsOver(fence, id)).toBe('done');
    expect([await world.execution(id), await world.build(build), await world.timeline(build)]).toEqual(before);
    const cancel = { buildId: build, tenantId: tenant, actor: 'user:a', reason: undefined };
    expect(await world.queue.requestCancel(cancel)).toEqual({ kind: 'finished', status: 'failed' });
  });

  it('shows why it waits, with one line in the timeline for each reason', async () => {
    const waiting = { reason: 'PullingImage' as const, message: 'pulling' };
    await world.executions.setWaiting(fence, id, waiting);
    await world.executions.setWaiting(fence, id, { ...waiting, message: 'still pulling' });
    await world.executions.setWaiting(fence, id, undefined);
    const lines = (await world.timeline(build)).filter((line) => line.startsWith('waiting'));
    expect(lines).toEqual(['waiting →PullingImage', 'waiting PullingImage→']);
  });
});
