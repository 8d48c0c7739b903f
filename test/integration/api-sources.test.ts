import { API_BASE } from '@image-factory/api';
import { Database, type DeclaredProvider, PostgresDeclaredProviders } from '@image-factory/persistence';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ApiHarness, expectProblem } from './api-support.ts';

const PROVIDERS = `${API_BASE}/admin/infrastructure/providers`;
const CONFIG_FILE = `${API_BASE}/admin/infrastructure/config-file`;
const ID = '01930000-0000-8000-8000-00000000000a';

function declared(more: Partial<DeclaredProvider> = {}): DeclaredProvider {
  return {
    id: ID,
    name: 'declared',
    type: 'kubernetes',
    config: { auth_method: 'token', endpoint: 'https://k.example', token_path: '/run/token' },
    describe: undefined,
    region: 'eu',
    capabilities: [],
    labels: {},
    maxConcurrentBuilds: 5,
    isDefault: false,
    line: 7,
    ...more,
  };
}

describe('providers of the configuration file', () => {
  let harness: ApiHarness;
  let database: Database;
  let store: PostgresDeclaredProviders;

  beforeAll(async () => {
    harness = await ApiHarness.start();
    database = Database.create({ url: harness.database.url, poolSize: 3, applicationName: 'sources-test' });
    await database.connect();
    store = new PostgresDeclaredProviders(database);
  });
  afterAll(async () => {
    await database.close();
    await harness.stop();
  });

  const apply = (...providers: readonly DeclaredProvider[]) =>
    store.apply({
      path: '/etc/clusters.yaml',
      hash: String(Math.random()),
      by: 'host-1',
      isEdit: false,
      providers,
      settings: { maxClients: 3 },
    });
  const patch = (body: Record<string, unknown>) => harness.call('PATCH', `${PROVIDERS}/${ID}`, { body });

  it('are shown as none before there is a file', async () => {
    expect((await harness.call('GET', CONFIG_FILE)).body).toEqual({
      status: 'none',
      path: null,
      hash: null,
      applied_at: null,
      applied_by: null,
      settings: {},
      refused: [],
      rejection: null,
      stale: null,
    });
  });

  describe('that are in force', () => {
    beforeEach(async () => {
      await apply(declared());
    });

    it.each([
      ['name', { name: 'other' }],
      ['config.endpoint', { config: { endpoint: 'https://other.example' } }],
      ['config.token_path', { config: { token_path: null } }],
      ['capabilities', { capabilities: ['gpu'] }],
      ['labels', { labels: { a: 'b' } }],
      ['region', { region: null }],
      ['max_concurrent_builds', { max_concurrent_builds: 9 }],
    ])('are read-only over REST in %s, with the place to change it', async (field, body) => {
      const answer = await patch(body);
      expectProblem(answer, 409, 'ProviderReadOnly');
      expect(answer.body.detail).toBe(
        `${field} of provider declared (${ID}) comes from the configuration file (IF_CONFIG_FILE), line 7; change it there.`,
      );
    });

    it('take what the file does not say from administrators, and keep it over the next content', async () => {
      await apply(declared({ maxConcurrentBuilds: undefined }));
      const body = { is_global: true, allow_privileged: true, price_per_minute: 2, max_concurrent_builds: 9 };
      expect((await patch(body)).status).toBe(200);
      expect((await harness.call('PATCH', `${PROVIDERS}/${ID}/status`, { body: { status: 'cordoned' } })).status).toBe(
        200,
      );
      await apply(declared({ maxConcurrentBuilds: undefined, labels: { a: 'b' } }));
      const { body: shown } = await harness.call('GET', `${PROVIDERS}/${ID}`);
      expect(shown).toMatchObject({
        ...body,
        status: 'cordoned',
        labels: { a: 'b' },
        source: 'file',
        retired_at: null,
      });
      await harness.call('PATCH', `${PROVIDERS}/${ID}/status`, { body: { status: 'enabled' } });
    });

    it('take what stands between us and the cluster from administrators, and keep it over the next content', async () => {
      const theirs = {
        proxy_url: 'http://93.184.215.14:3128',
        storage_class: 'fast',
        workspace_size: '5Gi',
        tekton_task_images: { kaniko: 'registry.example/kaniko:1' },
      };
      const before = (await harness.call('GET', `${PROVIDERS}/${ID}`)).body;
      const answer = await patch({ config: { ...theirs, auth_method: 'token', endpoint: 'https://k.example' } });
      expect(answer, answer.text).toMatchObject({ status: 200, body: { config: theirs } });
      expect(answer.body.generation).toBe(before.generation + 1);
      await apply(declared({ config: { ...declared().config, endpoint: 'https://moved.example' } }));
      const { body } = await harness.call('GET', `${PROVIDERS}/${ID}`);
      expect(body.config).toEqual({ ...declared().config, endpoint: 'https://moved.example', ...theirs });
      await apply(declared());
      expect((await patch({ config: { proxy_url: null, tekton_task_images: null } })).status).toBe(200);
      await apply(declared());
      expect((await harness.call('GET', `${PROVIDERS}/${ID}`)).body.config).not.toHaveProperty('proxy_url');
    });

    it('are not deleted while the file names them; retired ones take no builds, and are', async () => {
      expectProblem(await harness.call('DELETE', `${PROVIDERS}/${ID}`), 409, 'ProviderReadOnly');
      await apply();
      const { body } = await harness.call('GET', `${PROVIDERS}/${ID}`);
      expect(body).toMatchObject({ status: 'draining', retired_at: expect.any(String) });
      for (const status of ['enabled', 'cordoned']) {
        const answer = await harness.call('PATCH', `${PROVIDERS}/${ID}/status`, { body: { status } });
        expectProblem(answer, 409, 'ProviderReadOnly');
      }
      expect(await store.disableRetired()).toEqual(['declared']);
      expect((await harness.call('GET', `${PROVIDERS}/${ID}/health`)).body.conditions).toMatchObject([
        { type: 'Declared', status: 'False', reason: 'RemovedFromConfigFile' },
      ]);
      expect((await harness.call('DELETE', `${PROVIDERS}/${ID}`)).status).toBe(204);
    });

    it('come back in the state that they had', async () => {
      await harness.call('PATCH', `${PROVIDERS}/${ID}/status`, { body: { status: 'cordoned' } });
      await apply();
      await store.disableRetired();
      await apply(declared());
      expect((await harness.call('GET', `${PROVIDERS}/${ID}`)).body).toMatchObject({
        status: 'cordoned',
        retired_at: null,
      });
      await harness.call('PATCH', `${PROVIDERS}/${ID}/status`, { body: { status: 'enabled' } });
    });
  });

  it('give the default away when the file names one, and only then', async () => {
    const other = await harness.call('POST', PROVIDERS, {
      body: {
        name: 'other',
        provider_type: 'kubernetes',
        config: { auth_method: 'token', endpoint: 'https://o.example', token: 't' },
      },
    });
    await harness.sql.query('UPDATE providers SET is_default = (id = $1)', [other.body.id]);
    await apply(declared());
    const defaults = async () => (await harness.sql.query('SELECT name FROM providers WHERE is_default')).rows;
    expect(await defaults()).toEqual([{ name: 'other' }]);
    await apply(declared({ isDefault: true }));
    expect(await defaults()).toEqual([{ name: 'declared' }]);
    await apply(declared());
    expect(await defaults()).toEqual([]);
  });

  it('do not come back with a content that a process has started with and that was in force before', async () => {
    const content = (hash: string, by: string, isEdit: boolean, name: string) =>
      store.apply({ path: '/etc/clusters.yaml', hash, by, isEdit, providers: [declared({ name })], settings: {} });
    const inForce = async () => (await harness.call('GET', CONFIG_FILE)).body;
    await content('old', 'host-1', false, 'declared');
    await content('new', 'host-1', true, 'renamed');
    for (const by of ['host-1', 'host-2'])
      expect(await content('old', by, false, 'declared')).toMatchObject({ kind: 'stale' });
    expect(await inForce()).toMatchObject({
      status: 'in_force',
      hash: 'new',
      stale: { hash: 'old', seen_by: 'host-2' },
    });
    expect((await harness.call('GET', `${PROVIDERS}/${ID}`)).body.name).toBe('renamed');
    // The same process gets the new file: nothing is stale any more.
    await content('new', 'host-2', true, 'renamed');
    expect(await inForce()).toMatchObject({ hash: 'new', stale: null });
    // An edit under a running process is somebody's word.
    expect(await content('old', 'host-1', true, 'declared')).toMatchObject({ kind: 'applied' });
    expect(await inForce()).toMatchObject({ hash: 'old', stale: null });
    expect(await content('new', 'host-2', false, 'renamed')).toMatchObject({ kind: 'stale' });
    expect(await content('newest', 'host-2', false, 'declared')).toMatchObject({ kind: 'applied' });
  });

  it('are shown with what is in force and what was rejected', async () => {
    await apply(declared(), declared({ id: '01930000-0000-8000-8000-00000000000b', name: 'OTHER', line: 9 }));
    const problems = [{ line: 3, column: 5, path: 'kubernetes.colour', message: 'is not a known key' }];
    await store.reject({ path: '/etc/clusters.yaml', hash: 'bad', by: 'host-2', problems });
    expect((await harness.call('GET', CONFIG_FILE)).body).toMatchObject({
      status: 'rejected',
      path: '/etc/clusters.yaml',
      applied_by: 'host-1',
      settings: { max_clients: 3 },
      refused: [{ name: 'OTHER', line: 9, taken_by: 'api' }],
      rejection: { hash: 'bad', rejected_by: 'host-2', problems },
    });
    await apply(declared());
    expect((await harness.call('GET', CONFIG_FILE)).body).toMatchObject({ status: 'in_force', rejection: null });
  });
});
