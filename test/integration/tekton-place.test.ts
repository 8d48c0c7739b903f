import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TASK_NAMES, tenantNamespaceCandidates } from '@image-factory/domain';
import { INSTALLATION_NAMESPACE, INSTALLATION_RECORD, type InstallationNonce } from '@image-factory/tekton-executor';
import { eventually } from '@image-factory/test-support';
import { fakeTektonWorld, NO_CREDENTIALS, type FakeTektonWorld } from './tekton-world.ts';

const WRITES = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
let nonce: InstallationNonce | undefined;
/** What a roll makes of the nonce; undefined: none is due. */
let rolled: InstallationNonce | undefined;
/** Answers of the database, one each; then `nonce`. */
let earlier: InstallationNonce[] = [];
let current: FakeTektonWorld;

beforeEach(async () => {
  nonce = undefined;
  rolled = undefined;
  earlier = [];
  current = await fakeTektonWorld({
    nonceOf: () => Promise.resolve(earlier.shift() ?? nonce),
    rollNonce: (_providerId, seen) => {
      if (rolled === undefined || seen !== nonce?.current) return Promise.resolve(undefined);
      nonce = rolled;
      rolled = undefined;
      return Promise.resolve(nonce);
    },
  });
});
afterEach(() => current.world.close());

function prepare(
  executor = current.world.executor,
): Promise<{ clusterUid: string; namespace: string; namespaceUid: string }> {
  return executor.prepare(current.world, AbortSignal.timeout(20_000), current.world.mayWrite);
}

function writes(): string[] {
  return current.server.requests
    .filter(({ method }) => WRITES.has(method))
    .map(({ method, path }) => `${method} ${path}`);
}

function candidates(): string[] {
  return [...tenantNamespaceCandidates(current.world.tenantId)];
}

describe('the tenant namespace', () => {
  it('is made with labels, ServiceAccount, five Tasks and docker-config', async () => {
    const { store } = current.server;
    const { namespace, namespaceUid, clusterUid } = await prepare();
    const made = store.find('namespaces', undefined, namespace);
    expect(namespace).toBe(candidates()[0]);
    expect(made?.metadata.labels).toMatchObject({ 'tenant-id': current.world.tenantId, app: 'image-factory' });
    expect(made?.metadata.uid).toBe(namespaceUid);
    expect(clusterUid).toBe(store.find('namespaces', undefined, 'kube-system')?.metadata.uid);
    expect(store.find('serviceaccounts', namespace, 'image-factory-builder')).toMatchObject({
      automountServiceAccountToken: false,
    });
    expect(
      store
        .list('tasks')
        .map(({ metadata }) => metadata.name)
        .sort(),
    ).toEqual([...TASK_NAMES].sort());
    const secret = store.find('secrets', namespace, 'docker-config') as { data?: Record<string, string> } | undefined;
    expect(Buffer.from(secret?.data?.['config.json'] ?? '', 'base64').toString()).toBe('{"auths":{}}');
  });

  it('is filled with all at once that does not depend on each other', async () => {
    const { server } = current;
    server.fault({ method: 'PATCH', path: /\/serviceaccounts\// }, { kind: 'delay', ms: 2_000 });
    const prepared = prepare();
    const asked = (path: RegExp): number => writes().filter((write) => path.test(write)).length;
    await eventually(
      'the Tasks and the Secret are asked for',
      () => asked(/\/tasks\//) === 5 && asked(/\/secrets$/) === 1,
    );
    expect(server.store.list('serviceaccounts')).toEqual([]);
    await prepared;
    expect(server.store.list('serviceaccounts')).toHaveLength(1);
  });

  it('costs no write when it is warm, nor any read within the minute', async () => {
    await prepare();
    const before = current.server.requests.length;
    await prepare();
    expect(current.server.requests.length).toBe(before);
    await prepare(current.world.anotherExecutor());
    expect(writes().length).toBe(
      current.server.requests.slice(0, before).filter(({ method }) => WRITES.has(method)).length,
    );
  });

  it("takes the provider's images for its Tasks, and applies them again when they change", async () => {
    current.world.providers.settings = { tektonTaskImages: { kaniko: 'registry.example/kaniko:7' } };
    const { namespace } = await prepare();
    const image = (): unknown =>
      (current.server.store.find('tasks', namespace, 'kaniko') as unknown as { spec: { steps: { image: string }[] } })
        .spec.steps[0]?.image;
    expect(image()).toBe('registry.example/kaniko:7');
    current.world.providers.settings = { tektonTaskImages: { kaniko: 'registry.example/kaniko:8' } };
    await prepare();
    expect(image()).toBe('registry.example/kaniko:8');
  });

  it('leaves Tasks alone on a provider that brings its own', async () => {
    current.world.providers.settings = { installTasks: false };
    await prepare();
    expect(current.server.store.list('tasks')).toEqual([]);
  });

  it("is never another tenant's of the same prefix", async () => {
    const [first = '', second] = candidates();
    current.server.store.create('namespaces', {
      metadata: { name: first, labels: { 'tenant-id': randomUUID(), app: 'image-factory' } },
    });
    expect((await prepare()).namespace).toBe(second);
    expect(current.server.store.find('tasks', first, 'kaniko')).toBeUndefined();
  });

  it('is never one without a tenant-id label, nor one of another installation', async () => {
    const [first = '', second = '', third] = candidates();
    current.server.store.create('namespaces', { metadata: { name: first } });
    const labels = { 'tenant-id': current.world.tenantId, 'image-factory.io/installation': randomUUID() };
    current.server.store.create('namespaces', { metadata: { name: second, labels } });
    expect((await prepare()).namespace).toBe(third);
  });

  it('is the next name while the first is Terminating', async () => {
    const { namespace } = await prepare();
    current.server.store.update('namespaces', undefined, namespace, (object) => {
      object.metadata.finalizers = ['example.com/stuck'];
    });
    current.server.store.delete('namespaces', undefined, namespace);
    const next = await prepare(current.world.anotherExecutor());
    expect(next.namespace).toBe(candidates()[1]);
    expect(next.namespaceUid).not.toBe('');
  });

  it('is none while every name is Terminating, and then says what blocks each', async () => {
    const message = 'Some content in the namespace has finalizers remaining: example.com/stuck in 1 resource instances';
    for (const name of candidates()) {
      current.server.store.create('namespaces', { metadata: { name, finalizers: ['example.com/stuck'] } });
      current.server.store.update('namespaces', undefined, name, (object) => {
        const conditions = [{ type: 'NamespaceFinalizersRemaining', status: 'True', message }];
        object['status'] = { phase: 'Terminating', conditions };
      });
    }
    const refused = expect(prepare()).rejects;
    await refused.toMatchObject({ reason: 'NamespaceCollision', message: expect.stringContaining(message) as string });
  });

  it('is made again when somebody deleted it', async () => {
    const first = await prepare();
    current.server.store.delete('namespaces', undefined, first.namespace);
    const again = await prepare(current.world.anotherExecutor());
    expect(again.namespace).toBe(first.namespace);
    expect(again.namespaceUid).not.toBe(first.namespaceUid);
    expect(current.server.store.list('tasks')).toHaveLength(5);
  });

  it('is made again at once after a create found it gone', async () => {
    const attempt = await current.world.attempt();
    const { namespace, namespaceUid } = attempt.place;
    const follower = current.world.executor.openFollower({ ...current.world, shards: [3], onChange: () => undefined });
    await follower.ready(AbortSignal.timeout(20_000));
    current.server.fault(
      { method: 'POST', path: /\/secrets$/ },
      { kind: 'status', status: 404, reason: 'NotFound', message: `namespaces "${namespace}" not found` },
    );
    current.server.store.delete('namespaces', undefined, namespace);
    const outcome = await follower.create(attempt, NO_CREDENTIALS, () => true);
    expect(outcome).toMatchObject({ kind: 'refused', message: expect.stringMatching(/made ready again/) });
    const again = await eventually('another namespace', async () => {
      const place = await prepare();
      return place.namespaceUid === namespaceUid ? undefined : place;
    });
    expect(current.server.store.list('tasks').map(({ metadata }) => metadata.namespace)).toContain(again.namespace);
    await follower.close();
  });

  it('keeps a docker-config that an admin changed', async () => {
    const { namespace } = await prepare();
    const data = { 'config.json': Buffer.from('{"auths":{"registry.example":{}}}').toString('base64') };
    current.server.store.update('secrets', namespace, 'docker-config', (object) => {
      object['data'] = data;
    });
    current.world.namespaces.rows.clear();
    await prepare(current.world.anotherExecutor());
    expect(current.server.store.find('secrets', namespace, 'docker-config')?.['data']).toEqual(data);
  });

  it('is made once by many callers at once', async () => {
    const places = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        prepare(index % 2 === 0 ? current.world.executor : current.world.anotherExecutor()),
      ),
    );
    expect(new Set(places.map(({ namespaceUid }) => namespaceUid)).size).toBe(1);
    expect(
      current.server.store.list('namespaces').filter(({ metadata }) => metadata.name.startsWith('image-factory-')),
    ).toHaveLength(1);
  });

  it('is made whole again after a run found a Task missing', async () => {
    const { namespace } = await prepare();
    current.server.store.delete('tasks', namespace, 'kaniko');
    current.tekton.paused = true;
    const attempt = await current.world.attempt();
    const follower = current.world.executor.openFollower({ ...current.world, shards: [3], onChange: () => undefined });
    await follower.ready(AbortSignal.timeout(20_000));
    await follower.create(attempt, { dockerConfigJson: undefined, git: undefined }, () => true);
    const message = `Couldn't retrieve Task "kaniko": tasks.tekton.dev "kaniko" not found`;
    current.server.store.update('pipelineruns', namespace, attempt.name, (object) => {
      object['status'] = { conditions: [{ type: 'Succeeded', status: 'False', reason: 'CouldntGetTask', message }] };
    });
    await expect
      .poll(async () => (await follower.observe(attempt)) as unknown)
      .toMatchObject({ end: { reason: 'TaskMissing', fault: 'platform' } });
    await follower.close();
    await expect.poll(() => [...current.world.namespaces.rows.values()][0]?.contentHash).toBe('');
    await prepare();
    expect(current.server.store.find('tasks', namespace, 'kaniko')).toBeDefined();
  });

  it('says what is missing when the credential may not make namespaces', async () => {
    current.server.denials.push({ verb: 'create', resource: 'namespaces' });
    await expect(prepare()).rejects.toMatchObject({ kind: 'NotAllowed', reason: 'ClusterForbidden' });
  });
});

describe('the record of installations on a cluster', () => {
  function record(): Record<string, string> | undefined {
    return current.server.store.find('configmaps', INSTALLATION_NAMESPACE, INSTALLATION_RECORD)?.['data'] as
      Record<string, string> | undefined;
  }

  function recordKey(): string {
    return `${current.world.installationId}.${current.world.providerId}`;
  }

  function replaceNonce(value: string, namespaces: 'forget' | 'keep' = 'forget'): void {
    current.server.store.update('configmaps', INSTALLATION_NAMESPACE, INSTALLATION_RECORD, (object) => {
      object['data'] = { [recordKey()]: value };
    });
    if (namespaces === 'forget') current.world.namespaces.rows.clear();
  }

  it('is written first, and rolled when the database has rolled', async () => {
    nonce = { current: 'a', previous: undefined };
    await prepare();
    expect(record()).toEqual({ [recordKey()]: 'a' });
    nonce = { current: 'b', previous: 'a' };
    current.world.namespaces.rows.clear();
    await prepare(current.world.anotherExecutor());
    expect(record()).toEqual({ [recordKey()]: 'b' });
  });

  it('stops every write to a cluster that another copy of the database has written to', async () => {
    nonce = { current: 'b', previous: 'a' };
    await prepare();
    replaceNonce('of another copy');
    const before = writes().length;
    await expect(prepare(current.world.anotherExecutor())).rejects.toMatchObject({ reason: 'ForeignInstallation' });
    expect(writes().length).toBe(before);
  });

  it('stops nothing when that copy has the same nonce', async () => {
    nonce = { current: 'b', previous: 'a' };
    await prepare();
    replaceNonce('of another copy');
    nonce = { current: 'of another copy', previous: undefined };
    const before = writes().length;
    await prepare(current.world.anotherExecutor());
    expect(writes().length).toBeGreaterThan(before);
  });

  it('is rolled on the cluster after the database, once the current one was seen there', async () => {
    nonce = { current: 'a', previous: undefined };
    await prepare();
    rolled = { current: 'b', previous: 'a' };
    current.world.namespaces.rows.clear();
    await prepare(current.world.anotherExecutor());
    expect(nonce).toEqual({ current: 'b', previous: 'a' });
    expect(record()).toEqual({ [recordKey()]: 'b' });
  });

  it('is read again before a roll by another process is taken for another copy', async () => {
    nonce = { current: 'b', previous: 'a' };
    await prepare();
    earlier = [{ current: 'a', previous: undefined }];
    await current.world.connections.renew();
    current.world.namespaces.rows.clear();
    await prepare(current.world.anotherExecutor());
    expect(record()).toEqual({ [recordKey()]: 'b' });
  });

  it('is checked by each process, although the namespace is warm', async () => {
    nonce = { current: 'b', previous: 'a' };
    await prepare();
    replaceNonce('of another copy', 'keep');
    await expect(prepare(current.world.anotherExecutor())).rejects.toMatchObject({ reason: 'ForeignInstallation' });
  });
});
