import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Attempt, AttemptObservation, ExecutionFollower } from '@image-factory/domain';
import { eventually, RecordingLogSink } from '@image-factory/test-support';
import { fakeTektonWorld, NO_CREDENTIALS, observeUntil, type FakeTektonWorld } from './tekton-world.ts';

const yes = (): boolean => true;
let current: FakeTektonWorld;
const followers: ExecutionFollower[] = [];

beforeEach(async () => {
  current = await fakeTektonWorld({ nonceOf: () => Promise.resolve({ current: 'a', previous: undefined }) });
  current.tekton.defaultScript = { build: { ending: 'hangs' } };
});
afterEach(async () => {
  await Promise.all(followers.splice(0).map((follower) => follower.close()));
  await current.world.close();
});

async function openFollower(watchStaleMs = current.world.watchStaleMs): Promise<ExecutionFollower> {
  const options = { ...current.world, shards: [3], watchStaleMs, onChange: () => undefined };
  const follower = current.world.anotherExecutor().openFollower(options);
  followers.push(follower);
  await follower.ready(AbortSignal.timeout(20_000));
  return follower;
}

async function running(follower: ExecutionFollower): Promise<Attempt> {
  const prepared = await current.world.attempt();
  const outcome = await follower.create(prepared, NO_CREDENTIALS, yes);
  const attempt = { ...prepared, uid: outcome.kind === 'created' ? outcome.uid : undefined };
  await observeUntil('running', follower, attempt, isRunning);
  return attempt;
}

function isRunning(seen: AttemptObservation): boolean {
  return seen.kind === 'present' && seen.phase === 'running';
}

describe('watches that are stale', () => {
  const away = {
    'refuses connections': () => current.server.stopListening(),
    'answers nothing': () => {
      current.server.hangConnections(true);
      current.server.dropConnections();
    },
  };

  async function comeBack(): Promise<void> {
    current.server.hangConnections(false);
    current.server.dropConnections();
    if (!current.server.isListening) await current.server.listen();
  }

  it.each(Object.keys(away) as (keyof typeof away)[])(
    'are no contact with an API server that %s, and asking it is no storm',
    async (how) => {
      current.world.connections.requestTimeoutMs = 500;
      const follower = await openFollower(1_000);
      const attempt = await running(follower);
      await away[how]();
      await observeUntil('unreachable', follower, attempt, (seen) => seen.kind === 'unreachable');
      const before = current.server.connectionsAccepted;
      const looks = await Promise.all(Array.from({ length: 500 }, () => follower.observe(attempt)));
      expect(new Set(looks.map(({ kind }) => kind))).toEqual(new Set(['unreachable']));
      expect(current.server.connectionsAccepted - before).toBeLessThan(10);
      await comeBack();
      await observeUntil('running again', follower, attempt, isRunning);
    },
  );
});

describe('a watch of runs that has told nothing yet', () => {
  it('does not keep the log of a pod that is known from being read', async () => {
    current.server.fault({ path: '/apis/tekton.dev/v1/pipelineruns' }, { kind: 'silence' });
    const follower = await openFollower(60_000);
    const attempt = await current.world.attempt();
    current.tekton.scripts.set(attempt.buildId, { build: { lines: ['one'], ending: 'hangs' } });
    await follower.create(attempt, NO_CREDENTIALS, yes);
    const sink = new RecordingLogSink();
    const stop = new AbortController();
    const following = follower.followLogs(attempt, sink, stop.signal).catch((error: unknown) => error);
    const read = eventually('its line is read', () => sink.text('build/build') === 'one\n');
    await Promise.race([read, following.then((error) => Promise.reject(error as Error))]);
    stop.abort(new Error('enough'));
    expect(await following).toMatchObject({ message: 'enough' });
  });
});

describe('a run that is deleted while the watches are stale', () => {
  it('has the end that was seen before', async () => {
    const follower = await openFollower(1_000);
    const attempt = await running(follower);
    current.tekton.finish(attempt.name, 'fails');
    await observeUntil('ended', follower, attempt, (seen) => seen.kind === 'present' && seen.phase === 'ended');
    current.server.fault({ path: '/apis/tekton.dev/v1/pipelineruns' }, { kind: 'status', status: 503 }, 1_000);
    current.server.dropConnections();
    await expect.poll(() => follower.watchAgeMs(), { timeout: 10_000 }).toBeGreaterThan(1_500);
    current.server.store.delete('pipelineruns', attempt.place.namespace, attempt.name);
    const last = { kind: 'present', end: { outcome: 'failed' }, podsOver: true };
    expect(await follower.observe(attempt)).toMatchObject(last);
  });

  it('frees nothing when it is another cluster that does not have it', async () => {
    current.tekton.podFinalizers = ['test/still-terminating'];
    const follower = await openFollower(1_000);
    const attempt = { ...(await running(follower)), stopIntent: 'UserCancel' as const };
    await follower.stop(attempt, 'UserCancel', yes);
    const terminating = (seen: AttemptObservation): boolean =>
      seen.kind === 'present' && seen.phase === 'ended' && !seen.podsOver;
    await observeUntil('ended', follower, attempt, terminating);
    const { store } = current.server;
    current.server.fault({ path: '/apis/tekton.dev/v1/pipelineruns' }, { kind: 'status', status: 503 }, 1_000);
    current.server.fault({ path: /\/namespaces\/.*\/pods$/ }, { kind: 'answer', body: { items: [] } }, 1_000);
    store.delete('namespaces', undefined, 'kube-system');
    store.create('namespaces', { metadata: { name: 'kube-system' } });
    store.delete('pipelineruns', attempt.place.namespace, attempt.name);
    current.server.dropConnections();
    const moved = (seen: AttemptObservation): boolean =>
      seen.kind === 'unreachable' && seen.reason === 'ProviderChanged';
    await observeUntil('it is another cluster', follower, attempt, moved);
  });
});

describe('a run that was deleted before its follower began to watch', () => {
  it('is not absent while a pod of it lives, which a stop ends', async () => {
    const attempt = await running(await openFollower());
    const { namespace } = attempt.place;
    const pod = `${attempt.name}-build-pod`;
    current.server.store.update('pods', namespace, pod, (object) => {
      object.metadata.ownerReferences = [];
    });
    current.server.store.delete('pipelineruns', namespace, attempt.name);
    const adopter = await openFollower();
    expect(await adopter.observe(attempt)).toMatchObject({ kind: 'present', phase: 'running', podsOver: false });
    await adopter.stop(attempt, 'UserCancel', yes);
    expect(current.server.store.find('pods', namespace, pod)).toBeUndefined();
    await observeUntil('absent', adopter, attempt, (seen) => seen.kind === 'absent');
  });
});

describe('an API server that takes no creates for an hour', () => {
  it('is told of a stop, swept and looked at by who has not proved yet that it knows this database', async () => {
    const attempt = await running(await openFollower());
    const never = await current.world.attempt();
    const adopter = await openFollower();
    const connection = await current.world.connections.open();
    const request = { requestClass: 'create', method: 'GET', path: '/api/v1/namespaces/default' } as const;
    current.server.fault({ path: request.path }, { kind: 'status', status: 429, retryAfterSeconds: 3600 });
    await expect(connection.request(request)).rejects.toMatchObject({ reason: 'ClusterThrottled' });
    await adopter.stop(attempt, 'UserCancel', yes);
    await adopter.removeCredentials(attempt, yes);
    expect(await adopter.listCredentials()).toMatchObject({ kind: 'listed' });
    expect(await adopter.observe(never)).toEqual({ kind: 'absent' });
    await observeUntil('cancelled', adopter, attempt, (seen) => seen.kind === 'present' && seen.phase === 'ended');
  });
});

describe('a lease that ends between its check and a write', () => {
  /** True once, as for a check, and false from then on. */
  const ending = (): (() => boolean) => {
    let asked = 0;
    return () => asked++ === 0;
  };
  const WRITES = ['POST', 'PUT', 'PATCH', 'DELETE'];
  const writes = (): number => current.server.requests.filter(({ method }) => WRITES.includes(method)).length;

  it('lets nothing of an attempt be sent', async () => {
    const follower = await openFollower();
    const attempt = await running(follower);
    const other = await current.world.attempt();
    const before = writes();
    expect(await follower.create(other, NO_CREDENTIALS, ending())).toEqual({ kind: 'notAllowed' });
    for (const write of [
      follower.stop(attempt, 'UserCancel', ending()),
      follower.removeCredentials(attempt, ending()),
      follower.remove(attempt, ending()),
    ])
      await expect(write).rejects.toMatchObject({ reason: 'LeaseLost' });
    expect(writes()).toBe(before);
  });

  it('lets nothing of a tenant’s place or of the record of installations be sent', async () => {
    const executor = current.world.anotherExecutor();
    await expect(executor.prepare(current.world, AbortSignal.timeout(20_000), () => false)).rejects.toMatchObject({
      reason: 'LeaseLost',
    });
    await running(await openFollower());
    const before = writes();
    await current.world.namespaces.save({
      ...(await current.world.namespaces.find(current.world.providerId, current.world.tenantId))!,
      contentHash: '',
    });
    await expect(executor.prepare(current.world, AbortSignal.timeout(20_000), () => false)).rejects.toMatchObject({
      reason: 'LeaseLost',
    });
    expect(writes()).toBe(before);
  });
});
