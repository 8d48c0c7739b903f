import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Clock, type Attempt, type AttemptObservation, type ExecutionFollower } from '@image-factory/domain';
import { systemClock } from '@image-factory/telemetry';
import { fakeTektonWorld, NO_CREDENTIALS, observeUntil, type FakeTektonWorld } from './tekton-world.ts';

const yes = (): boolean => true;

/** The system's, except that durations are longer by `aheadMs`. */
class HurriedClock extends Clock {
  aheadMs = 0;

  override now(): Date {
    return systemClock.now();
  }

  override monotonicMs(): number {
    return systemClock.monotonicMs() + this.aheadMs;
  }

  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }
}

let current: FakeTektonWorld;
let clock: HurriedClock;
let follower: ExecutionFollower;

beforeEach(async () => {
  clock = new HurriedClock();
  current = await fakeTektonWorld({ clock });
  const onChange = (): void => undefined;
  follower = current.world.anotherExecutor().openFollower({ ...current.world, shards: [3], onChange });
  await follower.ready(AbortSignal.timeout(20_000));
});
afterEach(async () => {
  await follower.close();
  await current.world.close();
});

async function running(): Promise<Attempt> {
  const attempt = await current.world.attempt({ buildMethod: 'packer', imageRepository: undefined });
  current.tekton.scripts.set(attempt.buildId, { build: { ending: 'hangs' } });
  const outcome = await follower.create(attempt, NO_CREDENTIALS, yes);
  await observeUntil('running', follower, attempt, (seen) => seen.kind === 'present' && seen.phase === 'running');
  return { ...attempt, uid: outcome.kind === 'created' ? outcome.uid : undefined };
}

const over = (seen: AttemptObservation): boolean => seen.kind === 'present' && seen.podsOver;

describe('the pods of an ended run', () => {
  it('are over, and that is not proved, when one stays on a node that does not answer', async () => {
    current.tekton.podFinalizers = ['test/node-does-not-answer'];
    const attempt = { ...(await running()), stopIntent: 'Drain' as const };
    await follower.stop(attempt, 'Drain', yes);
    const ended = await observeUntil(
      'it ended',
      follower,
      attempt,
      (seen) => seen.kind === 'present' && seen.phase === 'ended',
    );
    expect(ended).toMatchObject({ podsOver: false, podsProvedOver: false, end: { outcome: 'moved' } });
    clock.aheadMs = 3_600_000;
    expect(await observeUntil('it is overdue', follower, attempt, over)).toMatchObject({ podsProvedOver: false });
  });

  it('are over, and that is not proved, when the cluster gave one up with its node', async () => {
    const attempt = await running();
    const reason = 'DeletionByTaintManager';
    current.tekton.disrupt(attempt.place.namespace, attempt.name, { reason, message: '' });
    const ended = await observeUntil('it ended', follower, attempt, over);
    expect(ended).toMatchObject({ podsProvedOver: false, end: { reason: 'NodeUnreachable' } });
  });

  it('are proved over when their containers have ended', async () => {
    const attempt = await running();
    current.tekton.finish(attempt.name, 'fails');
    expect(await observeUntil('it ended', follower, attempt, over)).toMatchObject({ podsProvedOver: true });
  });
});

describe('the pod of a run that was deleted longer ago than watches are remembered', () => {
  it('is ended by a stop', async () => {
    const attempt = await running();
    const { namespace } = attempt.place;
    const pod = `${attempt.name}-build-pod`;
    current.server.store.update('pods', namespace, pod, (object) => {
      object.metadata.ownerReferences = [];
    });
    current.server.store.delete('pipelineruns', namespace, attempt.name);
    await expect.poll(() => follower.listRuns()).toEqual([]);
    clock.aheadMs = 2 * 3_600_000;
    await running();
    await follower.stop(attempt, 'UserCancel', yes);
    expect(current.server.store.find('pods', namespace, pod)).toBeUndefined();
  });
});
