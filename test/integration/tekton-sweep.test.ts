import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  Secret,
  type Attempt,
  type AttemptCredentials,
  type AttemptObservation,
  type ExecutionFollower,
} from '@image-factory/domain';
import { eventually } from '@image-factory/test-support';
import { fakeTektonWorld, NO_CREDENTIALS, observeUntil, TektonWorld, type FakeTektonWorld } from './tekton-world.ts';

const yes = (): boolean => true;
const isRunning = (seen: AttemptObservation): boolean => seen.kind === 'present' && seen.phase === 'running';

let current: FakeTektonWorld;
let follower: ExecutionFollower;

beforeEach(async () => {
  current = await fakeTektonWorld();
  follower = current.world.anotherExecutor().openFollower({ ...current.world, shards: [3], onChange: () => undefined });
  await follower.ready(AbortSignal.timeout(20_000));
});
afterEach(async () => {
  await follower.close();
  await current.world.close();
});

it('a cancel does not wait behind the finished runs that are being deleted', async () => {
  const { world, server, tekton } = current;
  const attempt = await world.attempt();
  tekton.scripts.set(attempt.buildId, { build: { ending: 'hangs' } });
  const outcome = await follower.create(attempt, NO_CREDENTIALS, yes);
  expect(outcome.kind).toBe('created');
  const finished = { ...attempt, name: 'finished', executionId: 'finished', uid: 'finished' };
  server.fault({ method: 'DELETE', path: /\/pipelineruns\/finished$/ }, { kind: 'hang' }, 1_000);
  const swept = Array.from({ length: 300 }, () => follower.remove(finished, yes, 'sweep').catch(() => 'later'));
  const deletes = (): number => server.seen({ method: 'DELETE' }).length;
  await eventually('as many are sent as may be at once', () => deletes() >= 4);
  await follower.stop({ ...attempt, stopIntent: 'UserCancel' }, 'UserCancel', yes);
  expect(server.seen({ method: 'PATCH', path: new RegExp(`/pipelineruns/${attempt.name}$`) })).toHaveLength(1);
  await follower.close();
  await world.connections.close();
  await Promise.all(swept);
});

it('two installations on one cluster neither see nor touch what is the other’s', async () => {
  const { world, server, tekton } = current;
  const otherWorld = TektonWorld.on(server.providerConfig());
  world.onClose(() => otherWorld.close());
  tekton.defaultScript = { build: { ending: 'hangs' } };
  const other = otherWorld.executor.openFollower({ ...otherWorld, shards: [3], onChange: () => undefined });
  await other.ready(AbortSignal.timeout(20_000));
  const [ours, theirs] = await Promise.all([create(world, follower), create(otherWorld, other)]);
  for (const [seeing, attempt] of [
    [follower, ours],
    [other, theirs],
  ] as const) {
    await observeUntil('it runs', seeing, attempt, isRunning);
    for (const runs of [await seeing.listRuns(), await seeing.listRuns({ fresh: true })])
      expect(runs.map(({ name }) => name)).toEqual([attempt.name]);
    expect(await seeing.listCredentials()).toMatchObject({
      kind: 'listed',
      found: [{ executionId: attempt.executionId }],
    });
  }
  await other.stop({ ...theirs, stopIntent: 'UserCancel' }, 'UserCancel', yes);
  await other.removeCredentials(theirs, yes);
  await other.remove(theirs, yes, 'sweep');
  await eventually('theirs is gone', async () => (await other.listRuns({ fresh: true })).length === 0);
  expect(await follower.listRuns({ fresh: true })).toHaveLength(1);
  expect(await follower.listCredentials()).toMatchObject({
    kind: 'listed',
    found: [{ executionId: ours.executionId }],
  });
  expect(isRunning(await follower.observe(ours))).toBe(true);
  await other.close();
});

/** With a Secret of its own. */
async function create(world: TektonWorld, by: ExecutionFollower): Promise<Attempt> {
  const attempt = await world.attempt({ hasGitCredential: true });
  const credentials: AttemptCredentials = { dockerConfigJson: new Secret('{"auths":{}}'), git: undefined };
  const outcome = await by.create(attempt, credentials, yes);
  expect(outcome.kind).toBe('created');
  return attempt;
}
