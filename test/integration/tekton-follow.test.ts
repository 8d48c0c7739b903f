import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Attempt, AttemptObservation, ExecutionFollower } from '@image-factory/domain';
import { eventually, RecordingLogSink } from '@image-factory/test-support';
import { fakeTektonWorld, NO_CREDENTIALS, openWatchesThatLag, type FakeTektonWorld } from './tekton-world.ts';

const yes = (): boolean => true;
let current: FakeTektonWorld;
let follower: ExecutionFollower;

beforeEach(async () => {
  current = await fakeTektonWorld();
  follower = await openFollower();
});
afterEach(async () => {
  await follower.close();
  await current.world.close();
});

async function openFollower(
  shards: readonly number[] = [3],
  onChange: (executionId: string) => void = () => undefined,
): Promise<ExecutionFollower> {
  const opened = current.world.anotherExecutor().openFollower({ ...current.world, shards, onChange });
  await opened.ready(AbortSignal.timeout(20_000));
  return opened;
}

async function created(script: Parameters<typeof current.tekton.scripts.set>[1] = {}): Promise<Attempt> {
  const attempt = await current.world.attempt();
  current.tekton.scripts.set(attempt.buildId, script);
  const outcome = await follower.create(attempt, NO_CREDENTIALS, yes);
  return { ...attempt, uid: outcome.kind === 'created' ? outcome.uid : undefined };
}

function until(
  what: string,
  attempt: Attempt,
  holds: (seen: AttemptObservation) => boolean,
  with_ = follower,
): Promise<AttemptObservation> {
  return eventually(what, async () => {
    const seen = await with_.observe(attempt);
    return holds(seen) ? seen : undefined;
  });
}

/** It has ended, and how is not told yet. */
function isUnexplained(seen: AttemptObservation): boolean {
  return seen.kind === 'present' && seen.phase === 'ended' && seen.end === undefined;
}

/** One that has begun and goes on. */
async function running(): Promise<Attempt> {
  const attempt = await created({ build: { ending: 'hangs' } });
  await until('running', attempt, (seen) => seen.kind === 'present' && seen.phase === 'running');
  return attempt;
}

/** By new watches that list none. */
async function watchPodsAnew(): Promise<void> {
  const lags = { kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items: [] };
  current.server.fault({ path: '/api/v1/pods', list: true }, { kind: 'answer', body: lags });
  current.server.fault({ path: '/api/v1/pods' }, { kind: 'silence' });
  follower.setShards([3, 4]);
  await follower.ready(AbortSignal.timeout(20_000));
}

describe('following a cluster', () => {
  it('takes three watches however many attempts there are', async () => {
    for (let index = 0; index < 10; index += 1) await created({ build: { ending: 'hangs' } });
    expect(current.server.openWatches).toBe(3);
    const paths = current.server.seen({ watch: true }).map(({ path }) => path);
    expect(new Set(paths).size).toBe(3);
  });

  it('asks for its own installation and shards only', async () => {
    await eventually('three watches', () => current.server.openWatches === 3);
    const selectors = current.server.seen({ watch: true }).map(({ query }) => query.get('labelSelector'));
    expect(new Set(selectors)).toEqual(
      new Set([`image-factory.io/installation=${current.world.installationId},image-factory.io/shard in (3)`]),
    );
  });

  it('costs no request to observe an attempt that goes on', async () => {
    const attempt = await running();
    await follower.observe(attempt);
    const before = current.server.requests.length;
    for (let time = 0; time < 20; time += 1) await follower.observe(attempt);
    expect(current.server.requests.length).toBe(before);
  });

  it('reads an ended run whole once, and keeps its final object', async () => {
    const attempt = await created();
    const ended = await until('ended', attempt, (seen) => seen.kind === 'present' && seen.phase === 'ended');
    const before = current.server.requests.length;
    expect(await follower.observe(attempt)).toEqual(ended);
    expect(current.server.requests.length).toBe(before);
    const final =
      ended.kind === 'present'
        ? (JSON.parse(ended.end?.finalDocument ?? '{}') as { status?: { results?: unknown[] } })
        : {};
    expect(final.status?.results).toHaveLength(3);
  });

  /** How often the run is read from its end on, while its status and its log are followed. */
  async function readsOfEnd(ending: 'succeeds' | 'fails'): Promise<number> {
    const attempt = await running();
    const followed = follower.followLogs(attempt, new RecordingLogSink(), AbortSignal.timeout(20_000));
    const run = new RegExp(`/pipelineruns/${attempt.name}$`);
    const reads = (): number => current.server.seen({ method: 'GET', path: run }).length;
    const before = reads();
    current.tekton.finish(attempt.name, ending);
    await Promise.all([until('ended', attempt, (seen) => seen.kind === 'present' && seen.phase === 'ended'), followed]);
    return reads() - before;
  }

  it('reads a run that succeeded once for both its status and its log', async () => {
    expect(await readsOfEnd('succeeds')).toBe(1);
  });

  it('reads a run that failed anew for its log: a pod of it may have come since', async () => {
    expect(await readsOfEnd('fails')).toBeGreaterThan(1);
  });

  it('goes on over watches that are cut, expired or silent, and misses no end', async () => {
    const first = await created({ build: { ending: 'hangs' } });
    await until('running', first, (seen) => seen.kind === 'present' && seen.phase === 'running');
    current.server.dropConnections();
    current.server.store.compact();
    current.tekton.finish(first.name);
    await until(
      'ended',
      first,
      (seen) => seen.kind === 'present' && seen.phase === 'ended' && seen.end?.outcome === 'succeeded',
    );
  });

  it('says unreachable, not absent, while the API server is away, and goes on when it is back', async () => {
    const attempt = await running();
    const blind = await current.world.attempt();
    await current.server.stopListening();
    expect(await follower.observe(blind)).toMatchObject({ kind: 'unreachable', reason: 'ClusterUnreachable' });
    await current.server.listen();
    current.tekton.finish(attempt.name);
    await until('ended', attempt, (seen) => seen.kind === 'present' && seen.phase === 'ended');
    expect(await follower.observe(blind)).toEqual({ kind: 'absent' });
  });

  it('is not held up by a log that stalls when the reason of a failure is looked for', async () => {
    current.world.connections.requestTimeoutMs = 1_000;
    await current.world.connections.renew();
    await follower.ready(AbortSignal.timeout(20_000));
    current.server.fault({ path: /build-pod\/log$/ }, { kind: 'stallLog' }, 2);
    const attempt = await created({ build: { lines: ['last words'], ending: 'fails', exitCode: 7 } });
    await until('a try that failed', attempt, isUnexplained);
    const ended = await until('explained', attempt, (seen) => seen.kind === 'present' && seen.end !== undefined);
    expect(ended).toMatchObject({ end: { reason: 'StepFailed', message: expect.stringContaining('last words') } });
  });

  it('says unreachable, not absent, when the address leads to another cluster by now', async () => {
    const attempt = await running();
    const other = await current.world.attempt();
    current.server.store.delete('namespaces', undefined, 'kube-system');
    current.server.store.create('namespaces', { metadata: { name: 'kube-system' } });
    current.server.store.delete('pipelineruns', attempt.place.namespace, attempt.name);
    await eventually('its run is not listed', async () => (await follower.listRuns()).length === 0);
    const moved = { kind: 'unreachable', reason: 'ProviderChanged' };
    await until('its pods are gone', attempt, (seen) => seen.kind !== 'present');
    expect(await follower.observe(attempt)).toMatchObject(moved);
    expect(await follower.observe(other)).toMatchObject(moved);
  });

  it('holds a new connection when the provider has changed', async () => {
    const attempt = await running();
    await current.world.connections.renew();
    await follower.ready(AbortSignal.timeout(20_000));
    current.tekton.finish(attempt.name);
    await until('ended', attempt, (seen) => seen.kind === 'present' && seen.phase === 'ended');
  });

  it('falls back to whole objects where the Table has no columns', async () => {
    current.server.withoutColumns = true;
    const other = await openFollower();
    const attempt = await created();
    await until('ended', attempt, (seen) => seen.kind === 'present' && seen.end?.outcome === 'succeeded', other);
    await other.close();
  });

  it('opens before the cluster answers, and is ready when it does', async () => {
    const attempt = await current.world.attempt();
    await current.server.stopListening();
    const late = current.world
      .anotherExecutor()
      .openFollower({ ...current.world, shards: [3], onChange: () => undefined });
    expect(await late.observe(attempt)).toMatchObject({ kind: 'unreachable' });
    await current.server.listen();
    await late.ready(AbortSignal.timeout(20_000));
    expect(await late.observe(attempt)).toEqual({ kind: 'absent' });
    await late.close();
  });

  it('watches nothing without shards', async () => {
    await eventually('three watches', () => current.server.openWatches === 3);
    const idle = await openFollower([]);
    expect(idle.watchAgeMs()).toBe(0);
    expect(await idle.listRuns()).toEqual([]);
    expect(current.server.openWatches).toBe(3);
    await idle.close();
  });
});

describe('what others do to a run', () => {
  it('makes a cancel that was not ours a disruption', async () => {
    const attempt = await running();
    current.server.store.update('pipelineruns', attempt.place.namespace, attempt.name, (run) => {
      (run['spec'] as { status?: string }).status = 'Cancelled';
    });
    const ended = await until('ended', attempt, (seen) => seen.kind === 'present' && seen.phase === 'ended');
    expect(ended).toMatchObject({ end: { outcome: 'failed', reason: 'ForeignCancel', fault: 'cluster' } });
  });

  it('makes our own stop such a disruption when its intent was not stored before', async () => {
    const attempt = await running();
    await follower.stop(attempt, 'UserCancel', yes);
    const ended = (seen: AttemptObservation): boolean => seen.kind === 'present' && seen.phase === 'ended';
    expect(await until('ended', attempt, ended)).toMatchObject({ end: { outcome: 'failed', reason: 'ForeignCancel' } });
    const stored = { ...attempt, stopIntent: 'UserCancel' as const };
    expect(await until('ended', stored, ended)).toMatchObject({ end: { outcome: 'cancelled' } });
  });

  it('takes the verdict of a deleted run from its last state', async () => {
    const attempt = await created();
    await until('ended', attempt, (seen) => seen.kind === 'present' && seen.phase === 'ended');
    const other = await openFollower();
    current.server.store.delete('pipelineruns', attempt.place.namespace, attempt.name);
    for (const one of [follower, other]) {
      await eventually('its deletion is told', async () => (await one.listRuns()).length === 0);
      const seen = await until('its last state', attempt, (now) => now.kind === 'present', one);
      expect(seen).toMatchObject({
        phase: 'ended',
        podsOver: true,
        end: { outcome: 'succeeded', imageDigest: `sha256:${'d'.repeat(64)}` },
      });
    }
    await other.close();
  });

  it('leaves a run that was deleted before its end absent, so that its image is looked for first', async () => {
    const attempt = await running();
    current.server.store.delete('pipelineruns', attempt.place.namespace, attempt.name);
    await until('absent', attempt, (seen) => seen.kind === 'absent');
  });

  it('does not call a deleted run absent while a pod of it lives on', async () => {
    const attempt = await running();
    const { namespace } = attempt.place;
    current.server.store.update('pods', namespace, `${attempt.name}-build-pod`, (pod) => {
      pod.metadata.ownerReferences = [];
    });
    current.server.store.delete('pipelineruns', namespace, attempt.name);
    await eventually('the deletion is seen', async () => (await follower.listRuns()).length === 0);
    expect(await follower.observe(attempt)).toMatchObject({ kind: 'present', podsOver: false });
    await follower.remove(attempt, yes);
    await until('absent', attempt, (seen) => seen.kind === 'absent');
    expect(current.server.store.find('pods', namespace, `${attempt.name}-build-pod`)).toBeUndefined();
  });

  it('does not call a run absent that new watches have not listed while its API server has it', async () => {
    const attempt = await running();
    await openWatchesThatLag(current.server, follower);
    expect(await follower.observe(attempt)).toMatchObject({ kind: 'present', podsOver: false });
  });

  it('does not take a pod for over that new watches have not listed', async () => {
    current.tekton.podFinalizers = ['test/stays'];
    const attempt = await running();
    const { namespace } = attempt.place;
    const letGo = (task: string): void => {
      const pod = `${attempt.name}-${task}-pod`;
      current.server.store.update('pods', namespace, pod, (object) => (object.metadata.finalizers = []));
    };
    await watchPodsAnew();
    await follower.stop({ ...attempt, stopIntent: 'UserCancel' }, 'UserCancel', yes);
    const ended = await until('it ended', attempt, (seen) => seen.kind === 'present' && seen.phase === 'ended');
    expect(ended).toMatchObject({ podsOver: false });
    letGo('build');
    await until('its pods are over', attempt, (seen) => seen.kind === 'present' && seen.podsOver);
  });

  it('does not take the pod of a run that was deleted for over because new watches have not listed it', async () => {
    current.tekton.podFinalizers = ['test/stays'];
    const attempt = await running();
    await follower.stop({ ...attempt, stopIntent: 'UserCancel' }, 'UserCancel', yes);
    await eventually('its end is seen', async () => (await follower.listRuns())[0]?.ended);
    current.server.store.delete('pipelineruns', attempt.place.namespace, attempt.name);
    await watchPodsAnew();
    expect(await follower.observe(attempt)).toMatchObject({ kind: 'present', phase: 'ended', podsOver: false });
  });

  it('tells a pod that was taken away from a step that failed although the watch of pods has not told it', async () => {
    const attempt = await running();
    current.server.fault({ path: '/api/v1/pods' }, { kind: 'silence' }, 1);
    const before = current.server.seen({ watch: true, path: '/api/v1/pods' }).length;
    current.server.endWatches();
    await eventually(
      'a silent watch',
      () => current.server.seen({ watch: true, path: '/api/v1/pods' }).length === before + 1,
    );
    current.tekton.disrupt(attempt.place.namespace, attempt.name, { reason: 'EvictionByEvictionAPI', message: '' });
    const ended = await until('the end', attempt, (seen) => seen.kind === 'present' && seen.phase === 'ended');
    expect(ended).toMatchObject({ podsOver: true, end: { outcome: 'failed', reason: 'PodDeleted' } });
  });

  it('tells an evicted step from a failed one although its pod is gone', async () => {
    const attempt = await running();
    const { namespace } = attempt.place;
    const pod = `${attempt.name}-build-pod`;
    current.server.store.update('pods', namespace, pod, (object) => {
      const status = object['status'] as { conditions: object[] };
      status.conditions.push({
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'EvictionByEvictionAPI',
        message: 'evicted',
      });
    });
    current.server.store.delete('pods', namespace, pod);
    const terminated = {
      exitCode: 255,
      reason: 'Error',
      startedAt: '2026-11-21T09:47:36Z',
      finishedAt: '2026-11-21T09:47:37Z',
      containerID: 'containerd://x',
    };
    current.server.store.update('taskruns', namespace, `${attempt.name}-build`, (object) => {
      const condition = {
        type: 'Succeeded',
        status: 'False',
        reason: 'StepFailed',
        message: '"step-build" exited with code 255: Error',
      };
      object['status'] = {
        ...(object['status'] as object),
        conditions: [condition],
        steps: [{ name: 'build', container: 'step-build', terminated }],
      };
    });
    current.server.store.update('pipelineruns', namespace, attempt.name, (object) => {
      object['status'] = {
        conditions: [
          { type: 'Succeeded', status: 'False', reason: 'Failed', message: 'Tasks Completed: 2 (Failed: 1)' },
        ],
      };
    });
    const ended = await until('ended', attempt, (seen) => seen.kind === 'present' && seen.phase === 'ended');
    expect(ended).toMatchObject({ podsOver: true, end: { reason: 'PodEvicted', fault: 'cluster' } });
  });
});

describe('why an attempt waits', () => {
  it('is told from its pod, and from its events once it has waited for some seconds', async () => {
    const attempt = await created({ clone: { waits: { reason: 'PodInitializing', message: '' } } });
    const { namespace } = attempt.place;
    const pod = await eventually('the pod', () =>
      current.server.store.find('pods', namespace, `${attempt.name}-clone-pod`),
    );
    current.server.store.create('events', {
      metadata: { name: 'mount', namespace },
      type: 'Warning',
      reason: 'FailedMount',
      message: 'MountVolume.SetUp failed for volume "ws" : secret "gone" not found',
      involvedObject: { kind: 'Pod', name: pod.metadata.name, uid: pod.metadata.uid },
    });
    await until(
      'ContainerCreating',
      attempt,
      (seen) => seen.kind === 'present' && seen.waiting?.reason === 'ContainerCreating',
    );
    const seen = await until(
      'SecretMissing',
      attempt,
      (now) => now.kind === 'present' && now.waiting?.reason === 'SecretMissing',
    );
    expect(seen).toMatchObject({
      phase: 'pending',
      waiting: { message: expect.stringContaining('secret "gone" not found') as string },
    });
  });
});
