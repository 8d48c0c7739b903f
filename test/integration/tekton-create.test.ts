import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  ANNOTATIONS,
  attemptSecretName,
  Secret,
  type Attempt,
  type AttemptCredentials,
  type ExecutionFollower,
} from '@image-factory/domain';
import { createSilentLogger } from '@image-factory/telemetry';
import type { FakeFault, FaultMatch } from '@image-factory/test-support';
import { fakeTektonWorld, NO_CREDENTIALS, type FakeTektonWorld } from './tekton-world.ts';

const RUNS: FaultMatch = { method: 'POST', path: /\/pipelineruns$/ };
const SECRETS: FaultMatch = { method: 'POST', path: /\/secrets$/ };
const yes = (): boolean => true;
let current: FakeTektonWorld;
let follower: ExecutionFollower;
let attempt: Attempt;

beforeEach(async () => {
  current = await fakeTektonWorld();
  current.tekton.paused = true;
  attempt = await current.world.attempt();
  follower = current.world.executor.openFollower({ ...current.world, shards: [3], onChange: () => undefined });
  await follower.ready(AbortSignal.timeout(20_000));
});
afterEach(async () => {
  await follower.close();
  await current.world.close();
});

function secretData(of = attempt): Record<string, string> {
  const found = current.server.store.find('secrets', of.place.namespace, attemptSecretName(of));
  const data = (found?.['data'] ?? {}) as Record<string, string>;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
  );
}

function runs(): unknown[] {
  return current.server.store.list('pipelineruns');
}

describe('the answer to a create', () => {
  it.each<[string, FakeFault, object]>([
    [
      'a webhook that denies it',
      {
        kind: 'status',
        status: 400,
        reason: 'BadRequest',
        message:
          'admission webhook "validation.webhook.pipeline.tekton.dev" denied the request: validation failed: bad',
      },
      { kind: 'refused', reason: 'PipelineRunRefused' },
    ],
    [
      'an object that is not valid',
      { kind: 'status', status: 422, reason: 'Invalid', message: 'is invalid' },
      { kind: 'refused', reason: 'PipelineRunRefused' },
    ],
    [
      'a credential without the right',
      { kind: 'status', status: 403, reason: 'Forbidden', message: 'User "x" cannot create' },
      { kind: 'refused', reason: 'ClusterForbidden', fault: 'cluster' },
    ],
    [
      'a namespace that is being deleted',
      {
        kind: 'status',
        status: 403,
        reason: 'Forbidden',
        message: 'unable to create new content in namespace x because it is being terminated',
      },
      { kind: 'refused', reason: 'NamespaceTerminating', fault: 'cluster' },
    ],
    [
      'a server that sheds load',
      { kind: 'status', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 3 },
      { kind: 'retryLater', reason: 'ClusterThrottled', retryAfterMs: 3000 },
    ],
    [
      'a quota that is used up',
      { kind: 'status', status: 403, reason: 'Forbidden', message: 'exceeded quota: q' },
      { kind: 'retryLater', reason: 'QuotaExceeded' },
    ],
    [
      'a webhook that does not answer',
      {
        kind: 'status',
        status: 500,
        reason: 'InternalError',
        message: 'failed calling webhook "x": context deadline exceeded',
      },
      { kind: 'retryLater', reason: 'AdmissionTimeout' },
    ],
    [
      'an expired credential',
      { kind: 'status', status: 401, reason: 'Unauthorized' },
      { kind: 'retryLater', reason: 'ClusterUnauthorized' },
    ],
    [
      'a server that fails',
      { kind: 'status', status: 500, reason: 'InternalError', message: 'etcdserver: request timed out' },
      { kind: 'unknown', reason: 'ClusterUnavailable' },
    ],
    ['a gateway that fails', { kind: 'status', status: 504, reason: 'Timeout' }, { kind: 'unknown' }],
    ['a connection that breaks before it', { kind: 'drop' }, { kind: 'unknown' }],
    ['a connection that breaks after it', { kind: 'commitThenDrop' }, { kind: 'unknown' }],
    ['an answer that is no JSON', { kind: 'garbage' }, { kind: 'unknown' }],
  ])('for %s is told apart', async (_what, fault, outcome) => {
    current.server.fault(RUNS, fault, fault.kind === 'status' && fault.status === 401 ? 2 : 1);
    expect(await follower.create(attempt, NO_CREDENTIALS, yes)).toMatchObject(outcome);
  });

  it('is retryLater when nothing listens, because nothing was sent', async () => {
    await current.server.stopListening();
    expect(await follower.create(attempt, NO_CREDENTIALS, yes)).toMatchObject({
      kind: 'retryLater',
      reason: 'ClusterUnreachable',
    });
    await current.server.listen();
  });

  it('after a lost answer is the same bytes again, and one run is adopted', async () => {
    current.server.fault(RUNS, { kind: 'commitThenDrop' });
    expect(await follower.create(attempt, NO_CREDENTIALS, yes)).toMatchObject({ kind: 'unknown' });
    expect(await follower.create(attempt, NO_CREDENTIALS, yes)).toMatchObject({ kind: 'adopted' });
    expect(runs()).toHaveLength(1);
    const sent = current.server.seen(RUNS).map(({ bodyText }) => bodyText);
    expect(new Set(sent)).toEqual(new Set([attempt.document]));
  });

  it('is refused as NameCollision when the name is of another build', async () => {
    const document = JSON.parse(attempt.document) as { metadata: { labels: Record<string, string> } };
    document.metadata.labels['image-factory.io/build'] = 'somebody-else';
    current.server.store.create('pipelineruns', document as never);
    expect(await follower.create(attempt, NO_CREDENTIALS, yes)).toMatchObject({
      kind: 'refused',
      reason: 'NameCollision',
      fault: 'cluster',
    });
  });

  it('is adopted with an alarm when the run of this attempt was made from another document', async () => {
    const alarm = vi.fn();
    const logger = Object.assign(createSilentLogger(), { error: alarm });
    const next = current.world
      .anotherExecutor({ logger })
      .openFollower({ ...current.world, shards: [3], onChange: () => undefined });
    await next.ready(AbortSignal.timeout(20_000));
    const document = JSON.parse(attempt.document) as { metadata: { annotations: Record<string, string> } };
    document.metadata.annotations[ANNOTATIONS.documentHash] = 'of-another-version';
    const { metadata } = current.server.store.create('pipelineruns', document as never);
    expect(await next.create(attempt, NO_CREDENTIALS, yes)).toEqual({ kind: 'adopted', uid: metadata.uid });
    await next.close();
    expect(alarm.mock.calls).toEqual([
      [
        'An adopted PipelineRun was made from another document than the stored one.',
        { execution: attempt.executionId, run: `${attempt.place.namespace}/${attempt.name}` },
      ],
    ]);
    expect(runs()).toHaveLength(1);
  });

  it('is refused when the provider leads to another cluster by now', async () => {
    const moved = { ...attempt, place: { ...attempt.place, clusterUid: 'another' } };
    expect(await follower.create(moved, NO_CREDENTIALS, yes)).toMatchObject({
      kind: 'refused',
      reason: 'ProviderChanged',
    });
    expect(runs()).toHaveLength(0);
    expect(await follower.observe(moved)).toMatchObject({ kind: 'unreachable', reason: 'ProviderChanged' });
  });

  it('makes a second run there for an attempt whose place is wherever the provider leads', async () => {
    expect(await follower.create(attempt, NO_CREDENTIALS, yes)).toMatchObject({ kind: 'created' });
    const { store } = current.server;
    store.delete('namespaces', undefined, 'kube-system');
    store.delete('pipelineruns', attempt.place.namespace, attempt.name);
    const { metadata } = store.create('namespaces', { metadata: { name: 'kube-system' } });
    await current.world.connections.renew();
    const next = current.world
      .anotherExecutor()
      .openFollower({ ...current.world, shards: [3], onChange: () => undefined });
    await next.ready(AbortSignal.timeout(20_000));
    const refused = { kind: 'refused', reason: 'ProviderChanged' };
    expect(await next.create(attempt, NO_CREDENTIALS, yes)).toMatchObject(refused);
    const moved = { ...attempt, place: { ...attempt.place, clusterUid: metadata.uid ?? '' } };
    expect(await next.create(moved, NO_CREDENTIALS, yes)).toMatchObject({ kind: 'created' });
    await next.close();
  });

  it('is never called created before its Secret is there: an adopter makes the whole list again', async () => {
    current.server.fault(SECRETS, { kind: 'drop' });
    const first = await follower.create(attempt, NO_CREDENTIALS, yes);
    expect(first.kind).toBe('unknown');
    expect(runs()).toHaveLength(0);
    expect(await follower.create(attempt, NO_CREDENTIALS, yes)).toMatchObject({ kind: 'created' });
    const secret = current.server.store.find('secrets', attempt.place.namespace, attemptSecretName(attempt));
    expect([runs().length, secret?.metadata.name]).toEqual([1, attemptSecretName(attempt)]);
  });

  it('leaves the run unmade when the right to write is lost between Secret and run', async () => {
    const beforeSecret = (): boolean => current.server.seen(SECRETS).length === 1;
    expect(await follower.create(attempt, NO_CREDENTIALS, beforeSecret)).toEqual({ kind: 'notAllowed' });
    expect(current.server.seen(SECRETS)).toHaveLength(1 + 1);
    expect(runs()).toHaveLength(0);
  });
});

describe("the attempt's own Secret", () => {
  it("carries the project's registry credential and its git credential, and every key that a workspace names", async () => {
    const credentials: AttemptCredentials = {
      dockerConfigJson: new Secret('{"auths":{"registry.example":{"auth":"eA=="}}}'),
      git: { type: 'basic', host: 'git.example', username: 'robot@x', password: new Secret('p:w/d') },
    };
    await follower.create(attempt, credentials, yes);
    expect(secretData()).toEqual({
      'config.json': '{"auths":{"registry.example":{"auth":"eA=="}}}',
      'git-credentials': 'https://robot%40x:p%3Aw%2Fd@git.example\n',
      'ssh-privatekey': '',
      known_hosts: '',
    });
  });

  /** What the Secrets of two attempts in one namespace hold, each made with its own project's credential. */
  async function madeBoth(other: Attempt): Promise<(string | undefined)[]> {
    for (const [of, registry] of [[attempt, 'one'] as const, [other, 'two'] as const]) {
      const dockerConfigJson = new Secret(`of project ${registry}`);
      expect(await follower.create(of, { dockerConfigJson, git: undefined }, yes)).toMatchObject({ kind: 'created' });
    }
    return [attempt, other].map((of) => secretData(of)['config.json']);
  }

  it('is its own beside that of another project in the same namespace', async () => {
    expect(await madeBoth(await current.world.attempt())).toEqual(['of project one', 'of project two']);
  });

  it('is the other project’s when both have one name', async () => {
    const other = await current.world.attempt();
    expect(await madeBoth({ ...other, buildId: attempt.buildId })).toEqual(['of project one', 'of project one']);
  });

  it('carries a git password for plain http only when the repository is named so', async () => {
    attempt = await current.world.attempt({ gitRepositoryUrl: 'http://git.example/team/app.git' });
    const git = { type: 'basic', host: 'git.example', username: 'u', password: new Secret('p') } as const;
    await follower.create(attempt, { dockerConfigJson: undefined, git }, yes);
    expect(secretData()).toMatchObject({ 'git-credentials': 'http://u:p@git.example\n' });
  });

  it('carries an ssh key and its known hosts', async () => {
    await follower.create(
      attempt,
      {
        dockerConfigJson: undefined,
        git: { type: 'ssh_key', privateKey: new Secret('KEY'), knownHosts: 'git.example ssh-ed25519 AAAA' },
      },
      yes,
    );
    expect(secretData()).toMatchObject({
      'git-credentials': '',
      'ssh-privatekey': 'KEY',
      known_hosts: 'git.example ssh-ed25519 AAAA',
    });
  });

  it("is made from the tenant's docker-config when the project has no credential", async () => {
    current.server.store.update('secrets', attempt.place.namespace, 'docker-config', (object) => {
      object['data'] = { 'config.json': Buffer.from('{"auths":{"default.example":{}}}').toString('base64') };
    });
    await follower.create(attempt, NO_CREDENTIALS, yes);
    expect(secretData()['config.json']).toBe('{"auths":{"default.example":{}}}');
  });

  it('is there before the run, and no answer or log of the run carries what is in it', async () => {
    const canary = 'canary-7f3a';
    await follower.create(
      attempt,
      { dockerConfigJson: new Secret(`{"auths":{"r":{"auth":"${canary}"}}}`), git: undefined },
      yes,
    );
    const posts = current.server.requests.filter(({ method }) => method === 'POST').map(({ path }) => path);
    expect(posts.at(-2)).toMatch(/secrets$/);
    expect(posts.at(-1)).toMatch(/pipelineruns$/);
    expect(JSON.stringify(runs())).not.toContain(canary);
    expect(attempt.document).not.toContain(canary);
  });

  it('is not called gone because the cluster to which the provider leads by now has none', async () => {
    await follower.create(attempt, NO_CREDENTIALS, yes);
    const moved = { ...attempt, place: { ...attempt.place, clusterUid: 'another' } };
    await expect(follower.removeCredentials(moved, yes)).rejects.toMatchObject({ reason: 'ProviderChanged' });
    expect(secretData()).toBeDefined();
  });

  it('is repeated by an adopter that finds it missing beside its run', async () => {
    await follower.create(attempt, NO_CREDENTIALS, yes);
    await follower.removeCredentials(attempt, yes);
    expect(await follower.create(attempt, NO_CREDENTIALS, yes)).toMatchObject({ kind: 'adopted' });
    expect(secretData()).toHaveProperty('config.json');
  });
});

describe('the writes of a build in a warm namespace', () => {
  it('are four: the Secret, the run, and their deletion', async () => {
    const warm = current.server.requests.length;
    current.tekton.paused = false;
    const outcome = await follower.create(attempt, NO_CREDENTIALS, yes);
    expect(outcome).toMatchObject({ kind: 'created' });
    await expect
      .poll(async () => (await follower.observe(attempt)) as unknown, { timeout: 10_000 })
      .toMatchObject({ phase: 'ended', podsOver: true });
    const created = { ...attempt, uid: outcome.kind === 'created' ? outcome.uid : undefined };
    await follower.removeCredentials(created, yes);
    await follower.remove(created, yes);
    const writes = current.server.requests.slice(warm).filter(({ method }) => method !== 'GET');
    expect(
      writes.map(({ method, path }) => `${method} ${path.split('/').at(method === 'POST' ? -1 : -2) ?? ''}`),
    ).toEqual(['POST secrets', 'POST pipelineruns', 'DELETE secrets', 'DELETE pipelineruns']);
  });
});
