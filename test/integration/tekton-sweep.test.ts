import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ExecutionFollower } from '@image-factory/domain';
import { eventually } from '@image-factory/test-support';
import { fakeTektonWorld, NO_CREDENTIALS, type FakeTektonWorld } from './tekton-world.ts';

const yes = (): boolean => true;

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
