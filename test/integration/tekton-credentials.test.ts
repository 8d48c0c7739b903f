import type { Attempt, ExecutionFollower } from '@image-factory/domain';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeTektonWorld, NO_CREDENTIALS, type FakeTektonWorld } from './tekton-world.ts';

let current: FakeTektonWorld;
let follower: ExecutionFollower;
beforeEach(async () => {
  current = await fakeTektonWorld();
  follower = current.world.executor.openFollower({ ...current.world, shards: [3], onChange: () => undefined });
  await follower.ready(AbortSignal.timeout(20_000));
});
afterEach(async () => {
  await follower.close();
  await current.world.close();
});

async function created(shard: number): Promise<Attempt> {
  const attempt = await current.world.attempt({ shard });
  await follower.create(attempt, NO_CREDENTIALS, () => true);
  return attempt;
}

describe('the Secrets of attempts', () => {
  it('are listed for the shards held, by their names and never with what is in them', async () => {
    const own = await created(3);
    await created(4);
    current.server.store.create('secrets', { metadata: { name: 'of-others', namespace: own.place.namespace } });
    expect(await follower.listCredentials()).toEqual({
      kind: 'listed',
      found: [
        {
          executionId: own.executionId,
          buildId: own.buildId,
          attempt: own.attempt,
          shard: 3,
          clusterUid: own.place.clusterUid,
          namespace: own.place.namespace,
          name: `${own.name}-credentials`,
        },
      ],
    });
    const [request] = current.server.seen({ path: '/api/v1/secrets' });
    expect(request?.accept).toBe('application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1');
  });

  it('are not listed where the identity may not, which is no failure', async () => {
    await created(3);
    current.server.denials.push({ verb: 'list', resource: 'secrets' });
    expect(await follower.listCredentials()).toEqual({ kind: 'refused' });
  });

  it('are read in pages, and in no more of them than one look may take', async () => {
    const own = await created(3);
    const labels = own.document.length > 0 ? JSON.parse(own.document).metadata.labels : {};
    for (let index = 0; index < 1_100; index += 1) {
      const metadata = { name: `copy-${index}`, namespace: own.place.namespace, labels };
      current.server.store.create('secrets', { metadata });
    }
    const listed = await follower.listCredentials();
    expect(listed.kind === 'listed' && listed.found.length).toBe(1_101);
    expect(current.server.seen({ path: '/api/v1/secrets' })).toHaveLength(3);
  });
});
