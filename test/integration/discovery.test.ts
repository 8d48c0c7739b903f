import { API_BASE } from '@image-factory/api';
import { createDispatcher, type Dispatcher, NO_SOURCES, type SourcesEnv } from '@image-factory/dispatcher';
import { adoptedProviderId } from '@image-factory/cluster-registry';
import { createSilentLogger, Metrics } from '@image-factory/telemetry';
import { eventually } from '@image-factory/test-support';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiHarness, expectProblem } from './api-support.ts';
import { CloudStub, eksCluster, STUB_ACCOUNT, type StubAnswer, withIdentities } from './cloud-stub.ts';
import { DispatcherHarness } from './dispatcher-harness.js';

const DISCOVERY = `${API_BASE}/admin/infrastructure/discovery`;
const PROVIDERS = `${API_BASE}/admin/infrastructure/providers`;

/** What EKS has, by region; a region that is not there is refused. */
const regions = new Map<string, Map<string, Record<string, unknown>>>();

function answerOf(region: string, path: string): StubAnswer {
  const clusters = regions.get(region);
  if (clusters === undefined)
    return { status: 403, headers: { 'x-amzn-errortype': 'AccessDeniedException' }, body: {} };
  const name = /^\/clusters\/(.+)$/.exec(path)?.[1];
  if (name === undefined) return { body: { clusters: [...clusters.keys()] } };
  return { body: { cluster: eksCluster(region, name, clusters.get(name)) } };
}

describe('discovery', () => {
  let harness: ApiHarness;
  let stub: CloudStub;
  let forget: () => Promise<void>;
  const dispatchers: Dispatcher[] = [];

  beforeAll(async () => {
    forget = await withIdentities();
    harness = await ApiHarness.start();
    stub = await CloudStub.start(({ url, region = '' }) => answerOf(region, url.pathname));
    await startDispatcher();
    await startDispatcher();
  });
  afterAll(async () => {
    await Promise.all(dispatchers.map((dispatcher) => dispatcher.abandon().catch(() => undefined)));
    await stub.close();
    await harness.stop();
    await forget();
  });

  async function startDispatcher(discovery: Partial<SourcesEnv['discovery']> = {}): Promise<void> {
    const env = DispatcherHarness.prototype.env.call({
      test: { url: harness.database.url },
      dataDir: harness.directory,
      encryptionKeys: undefined,
    } as unknown as DispatcherHarness);
    const sources = { ...NO_SOURCES, discovery: { ...NO_SOURCES.discovery, everyMinutes: 0, ...discovery } };
    const dispatcher = await createDispatcher({ ...env, ...stub.env, sources }, createSilentLogger(), {
      http: false,
      metrics: new Metrics(),
      settings: { periodicScale: 0.02 },
    });
    await dispatcher.start();
    dispatchers.push(dispatcher);
  }

  /** Runs discovery through the API and gives the finished run. */
  async function run(...names: readonly string[]) {
    const answer = await harness.call('POST', `${DISCOVERY}/runs`, { body: { aws: { regions: names } } });
    expect(answer.status).toBe(202);
    return eventually('the run is over', async () => {
      const { body } = await harness.call('GET', String(answer.headers['location']));
      return body.status === 'succeeded' || body.status === 'failed' ? body : undefined;
    });
  }

  const list = async () => (await harness.call('GET', `${DISCOVERY}/clusters?limit=100`)).body.items;
  const find = async (name: string) => (await list()).find((item: { name: string }) => item.name === name);

  it('shows what it finds and what it was refused; nothing of it is a provider', async () => {
    regions.set(
      'eu-west-1',
      new Map([
        ['one', {}],
        ['two', {}],
      ]),
    );
    const finished = await run('eu-west-1', 'eu-north-1');
    expect(finished).toMatchObject({
      status: 'succeeded',
      problem_count: 1,
      input: { aws: { regions: ['eu-west-1', 'eu-north-1'] } },
    });
    const scopes = [...finished.scopes].sort((a: { scope: string }, b: { scope: string }) =>
      a.scope < b.scope ? -1 : 1,
    );
    expect(scopes).toMatchObject([
      { scope: 'aws/eu-north-1', clusters: 0, problems: [{ reason: 'CloudAccessDenied' }] },
      { scope: 'aws/eu-west-1', clusters: 2, found: 2, changed: 0, vanished: 0, adopted: 0, problems: [] },
    ]);
    expect((await list()).map((item: { name: string; status: string }) => [item.name, item.status]).sort()).toEqual([
      ['one', 'found'],
      ['two', 'found'],
    ]);
    const { rows } = await harness.sql.query('SELECT count(*)::int AS count FROM providers');
    expect(rows).toEqual([{ count: 0 }]);
  });

  it('is adopted by an administrator, once, with a stable id and a read-only config', async () => {
    const one = await find('one');
    const role = 'arn:aws:iam::123456789012:role/builder';
    const path = `${DISCOVERY}/clusters/${one.id}/adopt`;
    const wrong = await harness.call('POST', path, { body: { config: { role_arn: 'no', secret_access_key: 'x' } } });
    expectProblem(wrong, 400, 'ValidationFailed');
    expect(wrong.body.errors.map((error: { path: string }) => error.path)).toEqual([
      'config.role_arn',
      'config.secret_access_key',
    ]);
    const adopted = await harness.call('POST', path, {
      body: { name: 'builds', is_global: true, config: { role_arn: role } },
    });
    expect(adopted).toMatchObject({
      status: 201,
      body: {
        id: adoptedProviderId({
          cloud: 'aws',
          account: '123456789012',
          location: 'eu-west-1',
          resourceGroup: '',
          name: 'one',
        }),
        name: 'builds',
        source: 'discovery',
        provider_type: 'aws-eks',
        region: 'eu-west-1',
        is_global: true,
        config: { auth_method: 'eks-iam', cluster_name: 'one', region: 'eu-west-1', role_arn: role },
        source_ref: { cloud: 'aws', account: '123456789012', location: 'eu-west-1', name: 'one' },
      },
    });
    expect(adopted.headers['location']).toBe(`${PROVIDERS}/${adopted.body.id}`);
    expectProblem(await harness.call('POST', path, { body: {} }), 409, 'AlreadyAdopted');
    expect(await find('one')).toMatchObject({ status: 'adopted', infrastructure_provider_id: adopted.body.id });
    const two = await find('two');
    expectProblem(
      await harness.call('POST', `${DISCOVERY}/clusters/${two.id}/adopt`, { body: { name: 'Builds' } }),
      409,
      'NameTaken',
    );
  });

  it('takes from administrators how it is entered and used, and keeps that over the next run', async () => {
    const path = `${PROVIDERS}/${(await find('one')).infrastructure_provider_id}`;
    for (const [field, value] of [
      ['region', 'us-east-1'],
      ['cluster_name', 'another'],
      ['endpoint', 'https://elsewhere.example'],
      ['ca_cert', 'x'],
    ] as const) {
      const refused = await harness.call('PATCH', path, { body: { config: { [field]: value } } });
      expectProblem(refused, 409, 'ProviderReadOnly');
      expect(refused.body.detail).toContain(`config.${field} of provider builds`);
      expect(refused.body.detail).toContain('its cloud');
    }
    const theirs = {
      role_arn: 'arn:aws:iam::123456789012:role/other',
      proxy_url: 'http://93.184.215.14:3128',
      storage_class: 'fast',
      tekton_task_images: { kaniko: 'registry.example/kaniko:1' },
    };
    const changed = await harness.call('PATCH', path, { body: { config: theirs, labels: { team: 'a' } } });
    expect(changed, changed.text).toMatchObject({ status: 200, body: { config: theirs } });
    regions.get('eu-west-1')?.set('one', { version: '1.35' });
    expect((await run('eu-west-1')).scopes).toMatchObject([{ changed: 1 }]);
    expect((await harness.call('GET', path)).body).toMatchObject({
      config: { ...theirs, cluster_name: 'one', region: 'eu-west-1' },
      labels: { team: 'a' },
    });
    regions.get('eu-west-1')?.set('one', {});
    await run('eu-west-1');
  });

  it('shows changes and what has vanished; a refused region makes nothing vanish', async () => {
    const before = await harness.call('GET', `${PROVIDERS}/${(await find('one')).infrastructure_provider_id}`);
    regions.get('eu-west-1')?.set('one', { version: '1.35', endpoint: 'https://moved.example' });
    regions.get('eu-west-1')?.delete('two');
    expect((await run('eu-west-1')).scopes).toMatchObject([{ clusters: 1, found: 0, changed: 1, vanished: 1 }]);
    expect(await find('two')).toMatchObject({ status: 'vanished', vanished_at: expect.any(String) });
    const one = await find('one');
    expect(one.changes.slice(-2).map(({ field, from, to }: Record<string, unknown>) => [field, from, to])).toEqual([
      ['endpoint', 'https://one.eu-west-1.eks.example', 'https://moved.example'],
      ['version', '1.34', '1.35'],
    ]);
    // Another way in: connections are made anew.
    const after = await harness.call('GET', `${PROVIDERS}/${one.infrastructure_provider_id}`);
    expect(after.body.generation).toBe(before.body.generation + 1);
    const kept = regions.get('eu-west-1');
    regions.delete('eu-west-1');
    expect((await run('eu-west-1')).scopes).toMatchObject([
      { vanished: 0, problems: [{ reason: 'CloudAccessDenied' }] },
    ]);
    expect(await find('one')).toMatchObject({ status: 'adopted' });
    regions.set('eu-west-1', new Map());
    await run('eu-west-1');
    expect(await find('one')).toMatchObject({
      status: 'vanished',
      infrastructure_provider_id: one.infrastructure_provider_id,
    });
    const health = await harness.call('GET', `${PROVIDERS}/${one.infrastructure_provider_id}/health`);
    expect(health.body.conditions).toContainEqual(
      expect.objectContaining({ type: 'Discovered', status: 'False', reason: 'ClusterVanished' }),
    );
    regions.set('eu-west-1', kept ?? new Map());
    await run('eu-west-1');
    expect(await find('one')).toMatchObject({ status: 'adopted', vanished_at: null });
  });

  it('says nothing about the clusters of an account that it does not ask, nor when it does not know which it asks', async () => {
    const kept = regions.get('eu-west-1');
    regions.set('eu-west-1', new Map());
    stub.account = '999999999999';
    expect((await run('eu-west-1')).scopes).toMatchObject([{ clusters: 0, vanished: 0, problems: [] }]);
    stub.account = undefined;
    expect((await run('eu-west-1')).scopes).toMatchObject([
      { vanished: 0, problems: [{ reason: 'CloudAccessDenied' }] },
    ]);
    regions.set('eu-west-1', kept ?? new Map());
    stub.account = '999999999999';
    const [foreign] = (await run('eu-west-1')).scopes;
    expect(foreign).toMatchObject({ clusters: 0, found: 0, vanished: 0 });
    expect(foreign.problems[0].message).toContain('belongs to the account 999999999999');
    stub.account = STUB_ACCOUNT;
    expect(await find('one')).toMatchObject({ status: 'adopted', vanished_at: null });
  });

  it('fails a run without any scope, and says what to give', async () => {
    const answer = await harness.call('POST', `${DISCOVERY}/runs`, { body: {} });
    const over = await eventually('the run is over', async () => {
      const { body } = await harness.call('GET', `${DISCOVERY}/runs/${answer.body.id}`);
      return body.status === 'failed' ? body : undefined;
    });
    expect(over).toMatchObject({ reason: 'ValidationFailed', message: expect.stringContaining('IF_DISCOVERY_') });
  });

  it('runs by the schedule, on one dispatcher, and adopts what a rule says', async () => {
    regions.set(
      'us-west-2',
      new Map([
        ['build-1', { tags: { 'image-factory': 'true' } }],
        ['other', {}],
      ]),
    );
    // They have no rules, and would take the run.
    await Promise.all(dispatchers.splice(0).map((dispatcher) => dispatcher.stop()));
    await harness.sql.query('DELETE FROM jobs');
    const adopt = [
      { cloud: 'aws', location: 'us-*', name: 'build-*', tag: { key: 'image-factory', value: 'true' } },
    ] as const;
    const scheduled = { everyMinutes: 60, awsRegions: ['us-west-2'], adopt };
    await Promise.all([startDispatcher(scheduled), startDispatcher(scheduled)]);
    const job = await eventually('a scheduled run is over', async () => {
      const { rows } = await harness.sql.query(`SELECT * FROM jobs WHERE status = 'succeeded'`);
      return rows[0];
    });
    expect(job).toMatchObject({ created_by: 'schedule', attempts: 1 });
    expect(job.progress).toMatchObject([{ scope: 'aws/us-west-2', found: 2, adopted: 1 }]);
    expect(await find('build-1')).toMatchObject({ status: 'adopted' });
    expect(await find('other')).toMatchObject({ status: 'found' });
    const { rows } = await harness.sql.query('SELECT count(*)::int AS count FROM jobs');
    expect(rows).toEqual([{ count: 1 }]);
    const { rows: trail } = await harness.sql.query(
      `SELECT actor FROM audit_events WHERE action = 'provider.adopt' ORDER BY id DESC LIMIT 1`,
    );
    expect(trail).toEqual([{ actor: 'discovery-rule' }]);
  });

  it('applies its rules to everything that is there, and never again to what an administrator has given up', async () => {
    await Promise.all(dispatchers.splice(0).map((dispatcher) => dispatcher.stop()));
    const providerOf = async (name: string) => (await find(name)).infrastructure_provider_id as string;
    const given = await providerOf('build-1');
    expect((await harness.call('DELETE', `${PROVIDERS}/${given}`)).status).toBe(204);
    expect(await find('build-1')).toMatchObject({ status: 'retired', retired_at: expect.any(String) });
    // A rule that is newer than what it is for.
    await startDispatcher({ adopt: [{ cloud: 'aws', location: '*', name: '*', tag: undefined }] });
    expect((await run('us-west-2')).scopes).toMatchObject([{ found: 0, changed: 0, adopted: 1 }]);
    expect(await find('other')).toMatchObject({ status: 'adopted' });
    expect(await find('build-1')).toMatchObject({ status: 'retired', infrastructure_provider_id: null });
    const disabled = await providerOf('other');
    const status = await harness.call('PATCH', `${PROVIDERS}/${disabled}/status`, { body: { status: 'disabled' } });
    expect(status.status).toBe(200);
    regions.get('us-west-2')?.set('other', { endpoint: 'https://moved.example' });
    expect((await run('us-west-2')).scopes).toMatchObject([{ changed: 1, adopted: 0 }]);
    expect((await harness.call('GET', `${PROVIDERS}/${disabled}`)).body).toMatchObject({ status: 'disabled' });
    const again = await harness.call('POST', `${DISCOVERY}/clusters/${(await find('build-1')).id}/adopt`, { body: {} });
    expect(again).toMatchObject({ status: 201, body: { id: given } });
    expect(await find('build-1')).toMatchObject({ status: 'adopted', retired_at: null });
  });

  it('takes over a run whose dispatcher is dead, and leaves one alone whose dispatcher lives', async () => {
    await harness.sql.query('DELETE FROM jobs');
    const dead = '01930000-0000-7000-8000-00000000dead';
    await harness.sql.query(
      `INSERT INTO jobs (id, type, status, owner, token, input, created_by)
       VALUES ('01930000-0000-7000-8000-000000000001', 'discovery', 'running', $1, gen_random_uuid(),
               '{"aws": {"regions": ["us-west-2"]}}', 'test')`,
      [dead],
    );
    await eventually('it is carried out', async () => {
      const { body } = await harness.call('GET', `${DISCOVERY}/runs/01930000-0000-7000-8000-000000000001`);
      return body.status === 'succeeded';
    });
  });
});
