import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Attempt, AttemptObservation, ExecutionFollower, PresentAttempt } from '@image-factory/domain';
import { SystemClock } from '@image-factory/telemetry';
import { eventually } from '@image-factory/test-support';
import { fakeTektonWorld, NO_CREDENTIALS, type FakeTektonWorld } from './tekton-world.ts';

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

describe('what explains an end', () => {
  it('is waited for while no node answers for the log, because it may name another cause', async () => {
    current.server.fault(LOG, REFUSED, 1_000);
    const attempt = await created({ build: { lines: ['pushing', REPORT], ending: 'fails', exitCode: 7 } });
    expect((await until('ended', attempt, hasEnded)).end).toBeUndefined();
    aheadMs = 29_000;
    expect((await until('ended', attempt, hasEnded)).end).toBeUndefined();
    current.server.faults.clear();
    aheadMs = 33_000;
    const explained = await until('explained', attempt, ({ end }) => end !== undefined);
    expect(explained.end).toMatchObject({ reason: 'RegistryUnavailable' });
  });

  it('is given up after half a minute, and then the cause is not known', async () => {
    current.server.fault(LOG, REFUSED, 1_000);
    const attempt = await created({ build: { lines: ['last words'], ending: 'fails', exitCode: 7 } });
    expect((await until('ended', attempt, hasEnded)).end).toBeUndefined();
    aheadMs = 30_000;
    const { end } = await until('told', attempt, (seen) => seen.end !== undefined);
    expect(end).toMatchObject({ outcome: 'failed', reason: 'UnknownFailure' });
    expect(end?.message).toContain('its log could not be read');
  });

  it('is waited for anew when the cluster was away meanwhile', async () => {
    current.server.fault(LOG, REFUSED, 1_000);
    const attempt = await created({ build: { lines: ['last words'], ending: 'fails', exitCode: 7 } });
    expect((await until('ended', attempt, hasEnded)).end).toBeUndefined();
    aheadMs = 10_000;
    current.server.fault({ path: /\/pipelineruns\/[^/]+$/ }, REFUSED, 1);
    await eventually('unreachable', async () => (await follower.observe(attempt)).kind === 'unreachable');
    aheadMs = 35_000;
    expect((await until('ended', attempt, hasEnded)).end).toBeUndefined();
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
