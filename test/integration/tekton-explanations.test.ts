import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Attempt, AttemptObservation, ExecutionFollower, PresentAttempt } from '@image-factory/domain';
import { SystemClock } from '@image-factory/telemetry';
import { eventually, type FakeFault, RecordingLogSink } from '@image-factory/test-support';
import { fakeTektonWorld, NO_CREDENTIALS, openWatchesThatLag, type FakeTektonWorld } from './tekton-world.ts';

const LOG = { path: /build-pod\/log$/ };
const EVENTS = { path: /\/events$/ };
const REFUSED = { kind: 'status', status: 500, reason: 'InternalError' } as const;
const REPORT = 'image-factory: reason=RegistryUnavailable';
let current: FakeTektonWorld;
let follower: ExecutionFollower;
let aheadMs = 0;

/** The machine's time, and more of it when a test wants. */
class ForwardClock extends SystemClock {
  override monotonicMs(): number {
    return super.monotonicMs() + aheadMs;
  }
}

beforeEach(async () => {
  aheadMs = 0;
  current = await fakeTektonWorld({ clock: new ForwardClock() });
  follower = current.world.anotherExecutor().openFollower({ ...current.world, shards: [3], onChange: () => undefined });
  await follower.ready(AbortSignal.timeout(20_000));
});
afterEach(async () => {
  await follower.close();
  await current.world.close();
});

async function created(script: Parameters<typeof current.tekton.scripts.set>[1]): Promise<Attempt> {
  const attempt = await current.world.attempt();
  current.tekton.scripts.set(attempt.buildId, script);
  const outcome = await follower.create(attempt, NO_CREDENTIALS, () => true);
  return { ...attempt, uid: outcome.kind === 'created' ? outcome.uid : undefined };
}

function until(what: string, attempt: Attempt, holds: (seen: PresentAttempt) => boolean): Promise<PresentAttempt> {
  return eventually(what, async () => {
    const seen = await follower.observe(attempt);
    return seen.kind === 'present' && holds(seen) ? seen : undefined;
  });
}

function hasEnded(seen: AttemptObservation): boolean {
  return seen.kind === 'present' && seen.phase === 'ended';
}

function isTold({ end }: PresentAttempt): boolean {
  return end !== undefined;
}

/** An attempt whose build step has failed, on a node that answers for no log: how it ended is not told yet. */
function failedOnDeadNode(...lines: string[]): Promise<Attempt> {
  return failedWithoutLog(REFUSED, lines);
}

async function failedWithoutLog(answer: FakeFault, lines: readonly string[]): Promise<Attempt> {
  current.server.fault(LOG, answer, 1_000);
  const attempt = await created({ build: { lines, ending: 'fails', exitCode: 7 } });
  expect((await until('ended', attempt, hasEnded)).end).toBeUndefined();
  return attempt;
}

/** Looks again as often as it takes, each time when it is worth it. */
function untilTold(attempt: Attempt): Promise<PresentAttempt> {
  return until('told', attempt, (seen) => {
    aheadMs += 2_000;
    return isTold(seen);
  });
}

/** Once the watches have told its end, to nobody yet. */
async function deleteWithPods({ place: { namespace }, name }: Attempt): Promise<void> {
  await eventually('its end is seen', async () => (await follower.listRuns())[0]?.ended);
  for (const task of ['clone', 'build']) current.server.store.delete('pods', namespace, `${name}-${task}-pod`);
  current.server.store.delete('pipelineruns', namespace, name);
}

describe('what explains an end', () => {
  it('is waited for while no node answers for the log, because it may name another cause', async () => {
    const attempt = await failedOnDeadNode('pushing', REPORT);
    current.server.faults.clear();
    aheadMs = 2_000;
    expect((await until('explained', attempt, isTold)).end).toMatchObject({ reason: 'RegistryUnavailable' });
  });

  it('is given up after some tries, and then the cause is not known', async () => {
    const attempt = await failedOnDeadNode('last words');
    const { end } = await untilTold(attempt);
    expect(end).toMatchObject({ outcome: 'failed', reason: 'UnknownFailure' });
    expect(end?.message).toContain('its log could not be read to its end');
    expect(current.server.seen(LOG)).toHaveLength(8);
  });

  it('is not given up while the API server does not answer for the run either', async () => {
    const attempt = await failedOnDeadNode('last words');
    const undo = current.server.fault({ path: /\/pipelineruns\/[^/]+$/ }, REFUSED, 1_000);
    aheadMs += 2_000;
    expect(await follower.observe(attempt)).toMatchObject({ kind: 'unreachable' });
    aheadMs += 600_000;
    expect(await follower.observe(attempt)).toMatchObject({ kind: 'unreachable' });
    undo();
    await untilTold(attempt);
    expect(current.server.seen(LOG)).toHaveLength(8 + 1);
  });

  it('is not given up for tries that got no turn, but after very many of them', async () => {
    const shedding = { kind: 'status', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 60 } as const;
    const attempt = await failedWithoutLog(shedding, ['last words']);
    for (let index = 0; index < 10; index += 1) {
      aheadMs += 2_000;
      expect(isTold((await follower.observe(attempt)) as PresentAttempt)).toBe(false);
    }
    expect((await untilTold(attempt)).end).toMatchObject({ reason: 'UnknownFailure' });
    expect(current.server.seen(LOG)).toHaveLength(1);
  });

  it('is not waited for once the build is cancelled', async () => {
    const attempt = await failedOnDeadNode('last words');
    aheadMs = 2_000;
    const cancelled = { ...attempt, stopIntent: 'UserCancel' as const };
    expect(isTold((await follower.observe(cancelled)) as PresentAttempt)).toBe(true);
  });

  it('is read of a run that new watches have not listed while its API server has it', async () => {
    const attempt = await failedOnDeadNode('pushing', REPORT);
    current.server.faults.clear();
    await openWatchesThatLag(current.server, follower);
    aheadMs = 2_000;
    expect((await until('explained', attempt, isTold)).end).toMatchObject({ reason: 'RegistryUnavailable' });
  });

  it('is read although the TaskRuns are deleted with their run while that is read', async () => {
    const attempt = await created({ build: { ending: 'hangs' } });
    await until('running', attempt, ({ phase }) => phase === 'running');
    current.server.fault({ path: /\/taskruns$/, list: true }, { kind: 'answer', body: { items: [] } });
    current.tekton.finish(attempt.name, 'fails');
    expect((await until('ended', attempt, hasEnded)).end).toMatchObject({ reason: 'StepFailed' });
  });

  it('is told of a run that was deleted with its pods by the log that was followed to its end', async () => {
    const attempt = await created({ build: { lines: ['pushing', REPORT], ending: 'fails' } });
    await follower.followLogs(attempt, new RecordingLogSink(), AbortSignal.timeout(20_000));
    await deleteWithPods(attempt);
    expect((await until('told', attempt, isTold)).end).toMatchObject({ reason: 'RegistryUnavailable' });
  });

  it('is told by such a log also while no node answers, without asking one', async () => {
    const attempt = await created({ build: { lines: ['pushing', REPORT], ending: 'fails' } });
    await follower.followLogs(attempt, new RecordingLogSink(), AbortSignal.timeout(20_000));
    const asked = current.server.seen(LOG).length;
    current.server.fault(LOG, REFUSED, 1_000);
    expect((await until('ended', attempt, hasEnded)).end).toMatchObject({ reason: 'RegistryUnavailable' });
    expect(current.server.seen(LOG)).toHaveLength(asked);
  });

  it('is not known of such a run whose log was followed in part', async () => {
    const attempt = await created({ build: { lines: ['pushing'], ending: 'hangs' } });
    const stop = new AbortController();
    const sink = new RecordingLogSink();
    const following = follower.followLogs(attempt, sink, stop.signal).catch(() => undefined);
    await eventually('a line', () => sink.text('build/build').includes('pushing'));
    stop.abort();
    await following;
    current.tekton.finish(attempt.name, 'fails');
    await deleteWithPods(attempt);
    const { end } = await until('told', attempt, isTold);
    expect(end).toMatchObject({ reason: 'UnknownFailure', message: expect.stringContaining('pushing') });
  });

  it('is not known of a run that is deleted before its log could be read', async () => {
    const attempt = await failedOnDeadNode('last words');
    current.server.store.delete('pipelineruns', attempt.place.namespace, attempt.name);
    current.server.faults.clear();
    aheadMs = 2_000;
    expect((await until('told', attempt, isTold)).end).toMatchObject({ reason: 'UnknownFailure' });
  });

  it('is not waited for where the pod says it: one that was evicted', async () => {
    current.server.fault(LOG, REFUSED, 1_000);
    const attempt = await created({ build: { ending: 'hangs' } });
    await until('running', attempt, ({ phase }) => phase === 'running');
    const condition = { reason: 'EvictionByEvictionAPI', message: 'evicted' };
    current.tekton.disrupt(attempt.place.namespace, attempt.name, condition);
    expect((await until('ended', attempt, hasEnded)).end).toMatchObject({ reason: 'PodEvicted' });
  });

  it('is not asked for when the run was cancelled on request', async () => {
    current.server.fault(LOG, REFUSED, 1_000);
    current.server.fault(EVENTS, REFUSED, 1_000);
    const attempt = await created({ clone: { ending: 'hangs' } });
    const cancelled = { ...attempt, stopIntent: 'UserCancel' as const };
    await follower.stop(cancelled, 'UserCancel', () => true);
    const { end } = await until('ended', cancelled, hasEnded);
    expect(end).toMatchObject({ outcome: 'cancelled', reason: 'Cancelled' });
    expect([...current.server.seen(LOG), ...current.server.seen(EVENTS)]).toEqual([]);
  });
});

describe('why an attempt waits', () => {
  it('is told from its pod alone while its events cannot be read', async () => {
    current.server.fault(EVENTS, REFUSED, 1_000);
    const attempt = await created({ clone: { waits: { reason: 'PodInitializing', message: '' } } });
    await until('waiting', attempt, ({ waiting }) => waiting?.reason === 'ContainerCreating');
    aheadMs = 5_000;
    await eventually('a read of events', async () => {
      expect(await follower.observe(attempt)).toMatchObject({
        phase: 'pending',
        waiting: { reason: 'ContainerCreating' },
      });
      return current.server.seen(EVENTS).length > 0;
    });
    expect(await follower.observe(attempt)).toMatchObject({ phase: 'pending' });
  });
});
