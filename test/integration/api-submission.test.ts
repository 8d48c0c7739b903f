import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiHarness } from './api-support.ts';

const BUILDS = '/api/v1/builds';

describe('submitting a build', () => {
  let harness: ApiHarness;
  let tenantId: string;
  let projectId: string;

  beforeAll(async () => {
    harness = await ApiHarness.start();
    tenantId = await harness.createTenant();
    projectId = await harness.createProject(tenantId);
  });
  afterAll(() => harness.stop());

  it('answers 201 with its place, numbers builds from 1 and names the default tag', async () => {
    const first = await harness.submit(tenantId, projectId);
    expect(first.status).toBe(201);
    expect(first.headers['location']).toBe(`${BUILDS}/${first.body.id}`);
    expect(first.body).toMatchObject({
      build_number: 1,
      status: 'queued',
      infrastructure_type: 'kubernetes',
      git_branch: 'main',
      image: { repository: 'registry.example/team/app', tags: ['build-1'], digest: null },
      build_config: { dockerfile_path: 'Dockerfile', build_context: '.' },
      created_by: 'user:bootstrap-admin',
    });
    const second = await harness.submit(tenantId, projectId, { tags: ['1.0.0', 'latest'] });
    expect(second.body).toMatchObject({ build_number: 2, image: { tags: ['1.0.0', 'latest'] } });
  });

  it('shows position, what binds, phases and the timeline of a queued build', async () => {
    const tenant = await harness.createTenant({ max_concurrent_builds: 0 });
    const project = await harness.createProject(tenant);
    await harness.submit(tenant, project);
    const { body: build } = await harness.submit(tenant, project);
    const { body } = await harness.call('GET', `${BUILDS}/${build.id}`, { tenantId: tenant });
    expect(body).toMatchObject({
      status: 'queued',
      reason: 'TenantAtLimit',
      queue: { position: 2, binds: { reason: 'TenantAtLimit' } },
      phases: {
        queue: { limit_seconds: 86_400 },
        placement: { seconds: null, limit_seconds: 300 },
        start: { seconds: null, limit_seconds: 900 },
        run: { seconds: null, limit_seconds: 1800 },
        seal: { seconds: null, limit_seconds: 120 },
        loss: { seconds: null, limit_seconds: 1800 },
      },
      execution: null,
    });
    const events = await harness.call('GET', `${BUILDS}/${build.id}/events`, { tenantId: tenant });
    expect(events.body.items).toHaveLength(1);
    expect(events.body.items[0]).toMatchObject({ subject: 'build', to: 'queued', actor: 'user:bootstrap-admin' });
  });

  it('begins with the memory that its project has learned, unless it asks for some', async () => {
    const tenant = await harness.createTenant({ max_memory: '6Gi' });
    const project = await harness.createProject(tenant);
    const memoryOf = async (part: Record<string, unknown>): Promise<number> => {
      const { body } = await harness.submit(tenant, project, part);
      const { rows } = await harness.sql.query('SELECT memory_bytes FROM builds WHERE id = $1', [body.id]);
      return Number((rows[0] as { memory_bytes: number }).memory_bytes) / 2 ** 30;
    };
    expect(await memoryOf({})).toBe(2);
    await harness.sql.query('UPDATE projects SET learned_memory_bytes = $2 WHERE id = $1', [project, 4 * 2 ** 30]);
    expect(await memoryOf({})).toBe(4);
    expect(await memoryOf({ requirements: { memory: '1Gi' } })).toBe(1);
    await harness.sql.query('UPDATE projects SET learned_memory_bytes = $2 WHERE id = $1', [project, 9 * 2 ** 30]);
    expect(await memoryOf({})).toBe(6);
  });

  it('begins with the disk that its project has learned, unless it asks for some', async () => {
    const tenant = await harness.createTenant({ max_ephemeral_storage: '20Gi', max_workspace_size: '6Gi' });
    const project = await harness.createProject(tenant);
    const diskOf = async (part: Record<string, unknown>): Promise<unknown> => {
      const { ephemeral_storage, workspace_size } = (await harness.submit(tenant, project, part)).body.requirements;
      return [ephemeral_storage, workspace_size];
    };
    const requested = async (): Promise<number> => {
      const { rows } = await harness.sql.query(
        'SELECT ephemeral_storage_bytes AS bytes FROM builds WHERE project_id = $1 ORDER BY created_at DESC LIMIT 1',
        [project],
      );
      return Number((rows[0] as { bytes: string }).bytes);
    };
    expect(await diskOf({})).toEqual(['20Gi', null]);
    const learn = `UPDATE projects SET learned_ephemeral_storage_bytes = $2, learned_workspace_bytes = $3 WHERE id = $1`;
    await harness.sql.query(learn, [project, 8 * 2 ** 30, 2 * 2 ** 30]);
    // Its limit is the cap as before; what was learned is requested, and is the size of a volume.
    expect(await diskOf({})).toEqual(['20Gi', '2Gi']);
    expect(await requested()).toBe(8 * 2 ** 30);
    const shown = await harness.call('GET', `/api/v1/projects/${project}`, { tenantId: tenant });
    expect(shown.body.learned).toEqual({ memory: null, ephemeral_storage: '8Gi', workspace_size: '2Gi' });
    expect(await diskOf({ requirements: { ephemeral_storage: '1Gi', workspace_size: '3Gi' } })).toEqual(['1Gi', '3Gi']);
    await harness.sql.query(learn, [project, 40 * 2 ** 30, 9 * 2 ** 30]);
    expect(await diskOf({})).toEqual(['20Gi', '6Gi']);
    expect(await requested()).toBe(20 * 2 ** 30);
  });

  it('lowers the clocks by tenant, project and build, and refuses what is above the tenant’s', async () => {
    const tenant = await harness.createTenant({ queue_timeout_minutes: 100, start_limit_minutes: 10 });
    const project = await harness.createProject(tenant, { start_limit_minutes: 6, queue_timeout_minutes: 50 });
    const of = async (part: Record<string, unknown>) => {
      const { body } = await harness.submit(tenant, project, part);
      return [body.queue_timeout_minutes, body.start_limit_minutes, body.build_timeout_minutes];
    };
    expect(await of({})).toEqual([50, 6, 30]);
    expect(await of({ queue_timeout_minutes: 20, start_limit_minutes: 2, build_timeout_minutes: 5 })).toEqual([
      20, 2, 5,
    ]);
    const refused = await harness.submit(tenant, project, { start_limit_minutes: 11 });
    expect(refused.status).toBe(400);
    expect(refused.body.errors).toMatchObject([{ path: 'start_limit_minutes' }]);
    const url = `/api/v1/projects/${project}`;
    await harness.call('PATCH', url, { tenantId: tenant, body: { start_limit_minutes: null } });
    expect((await of({}))[1]).toBe(10);
  });

  it('parks a build that may not start yet and says so', async () => {
    const notBefore = new Date(Date.now() + 3_600_000).toISOString();
    const { body: build } = await harness.submit(tenantId, projectId, { not_before: notBefore });
    const { body } = await harness.call('GET', `${BUILDS}/${build.id}`, { tenantId });
    expect(body).toMatchObject({
      status: 'queued',
      reason: 'NotBefore',
      queue: { position: null, wake_at: notBefore },
    });
    expect((await harness.call('GET', '/api/v1/queue', { tenantId })).body.parked).toBeGreaterThanOrEqual(1);
  });

  it('puts a higher priority before a lower one inside the tenant', async () => {
    const tenant = await harness.createTenant({ max_priority: 5 });
    const project = await harness.createProject(tenant);
    await harness.submit(tenant, project);
    const { body: urgent } = await harness.submit(tenant, project, { priority: 5 });
    const { body } = await harness.call('GET', `${BUILDS}/${urgent.id}`, { tenantId: tenant });
    expect(body.queue.position).toBe(1);
    const tooHigh = await harness.submit(tenant, project, { priority: 6 });
    expect(tooHigh).toMatchObject({ status: 400, body: { errors: [{ path: 'priority' }] } });
  });

  it('names every wrong field at once', async () => {
    const answer = await harness.call('POST', BUILDS, {
      tenantId,
      body: {
        project_id: 'x',
        build_method: 'make',
        git_branch: 'a..b',
        git_commit: 'abc',
        tags: ['ok', '-bad', 'ok'],
        infrastructure_type: 'mars',
        infrastructure_provider_id: 7,
        priority: 1.5,
        not_before: 'tomorrow',
        build_timeout_minutes: 0,
        queue_timeout_minutes: '5',
        nonsense: true,
        build_config: {
          dockerfile_path: '../Dockerfile',
          build_context: '/etc',
          build_args: { 'A B': 'x', OK: 'line\nbreak', N: 5 },
          platforms: ['linux'],
          metadata: { registry_repo: 'NoHost', more: 1 },
          surprise: 1,
        },
      },
    });
    expect(answer).toMatchObject({ status: 400, body: { code: 'ValidationFailed' } });
    const paths = answer.body.errors.map((error: { path: string }) => error.path);
    expect(new Set(paths)).toEqual(
      new Set([
        'project_id',
        'build_method',
        'git_branch',
        'git_commit',
        'tags[1]',
        'tags[2]',
        'infrastructure_type',
        'infrastructure_provider_id',
        'priority',
        'not_before',
        'build_timeout_minutes',
        'queue_timeout_minutes',
        'nonsense',
        'build_config.dockerfile_path',
        'build_config.build_context',
        'build_config.build_args["A B"]',
        'build_config.build_args["OK"]',
        'build_config.build_args["N"]',
        'build_config.platforms[0]',
        'build_config.metadata.registry_repo',
        'build_config.metadata.more',
        'build_config.surprise',
      ]),
    );
  });

  it.each([
    ['kaniko', { platforms: ['linux/arm64'] }, 'build_config.platforms'],
    ['docker', { packer_template: 'a.pkr.hcl' }, 'build_config.packer_template'],
    ['packer', {}, 'build_config.packer_template'],
    ['packer', { packer_template: 'a.pkr.hcl', build_args: { A: 'b' } }, 'build_config.build_args'],
  ])('refuses for %s a config of %j', async (build_method, build_config, path) => {
    const answer = await harness.submit(tenantId, projectId, { build_method, build_config });
    expect(answer).toMatchObject({ status: 400, body: { code: 'BuildConfigInvalid', errors: [{ path }] } });
  });

  it('takes empty values for fields that were not given', async () => {
    const answer = await harness.submit(tenantId, projectId, {
      build_config: {
        target: '',
        build_args: {},
        platforms: [],
        cache_repo: '',
        metadata: {},
        packer_template: '',
        variables: {},
      },
    });
    expect(answer.status).toBe(201);
    expect(answer.body.build_config).toEqual({ dockerfile_path: 'Dockerfile', build_context: '.' });
  });

  it('asks for a destination when neither the project nor the build has one', async () => {
    const project = await harness.createProject(tenantId, { registry_repo: null });
    expect(await harness.submit(tenantId, project)).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'build_config.metadata.registry_repo' }] },
    });
    const given = await harness.submit(tenantId, project, {
      build_config: { metadata: { registry_repo: 'registry.example/other' } },
    });
    expect(given.body.image.repository).toBe('registry.example/other');
    const packer = await harness.submit(tenantId, project, {
      build_method: 'packer',
      build_config: { packer_template: 'image.pkr.hcl' },
    });
    expect(packer.body.image).toBeNull();
  });

  it('refuses a local build without a granted local provider and takes it with one', async () => {
    const refused = await harness.submit(tenantId, projectId, { infrastructure_type: 'local' });
    expect(refused).toMatchObject({ status: 400, body: { code: 'ProviderNotGranted' } });
    expect(refused.body.errors[0].message).toContain('/permissions');
    const providerId = await harness.createLocalProvider(tenantId);
    const taken = await harness.submit(tenantId, projectId, {
      infrastructure_type: 'local',
      infrastructure_provider_id: providerId,
    });
    expect(taken.status).toBe(201);
    const mismatched = await harness.submit(tenantId, projectId, {
      infrastructure_type: 'kubernetes',
      infrastructure_provider_id: providerId,
    });
    expect(mismatched.body.code).toBe('ProviderTypeMismatch');
    const unknown = await harness.submit(tenantId, projectId, {
      infrastructure_provider_id: '01930000-0000-7000-8000-00000000dead',
    });
    expect(unknown.body.code).toBe('ProviderNotFound');
  });

  it('says 429 TenantQueueFull when the queue is full, and uses no number for it', async () => {
    const tenant = await harness.createTenant({ max_queued_builds: 1, max_concurrent_builds: 0 });
    const project = await harness.createProject(tenant);
    expect((await harness.submit(tenant, project)).status).toBe(201);
    const full = await harness.submit(tenant, project);
    expect(full).toMatchObject({ status: 429, body: { code: 'TenantQueueFull' } });
    expect(full.headers['retry-after']).toBeDefined();
    const { rows } = await harness.sql.query('SELECT next_build_number FROM projects WHERE id = $1', [project]);
    expect(rows[0].next_build_number).toBe(2);
  });

  it('refuses methods that the tenant may not use, and tenants that are disabled', async () => {
    const tenant = await harness.createTenant({ allowed_methods: ['docker'] });
    const project = await harness.createProject(tenant);
    expect((await harness.submit(tenant, project)).body.code).toBe('MethodNotAllowedForTenant');
    await harness.call('PATCH', `/api/v1/admin/tenants/${tenant}`, { body: { enabled: false } });
    expect((await harness.submit(tenant, project, { build_method: 'docker' })).body.code).toBe('TenantDisabled');
  });

  it('validates without storing: placement, position and the rendered run', async () => {
    await harness.sql.query(
      `INSERT INTO providers (id, name, provider_type, is_global, health, tekton_answers)
       VALUES (gen_random_uuid(), 'cluster', 'kubernetes', true, 'healthy', true)`,
    );
    const before = await harness.sql.query('SELECT count(*) FROM builds');
    const answer = await harness.call('POST', `${BUILDS}/validate`, {
      tenantId,
      body: { project_id: projectId, build_method: 'kaniko', git_commit: 'A'.repeat(40) },
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      valid: true,
      errors: [],
      placement: { chosen: { name: 'cluster', basis: 'is_global' } },
      pipeline_run: { kind: 'PipelineRun' },
    });
    expect(answer.body.queue.position).toBeGreaterThan(0);
    expect(JSON.stringify(answer.body.pipeline_run)).toContain('a'.repeat(40));
    const wrong = await harness.call('POST', `${BUILDS}/validate`, { tenantId, body: { build_method: 'kaniko' } });
    expect(wrong.body).toMatchObject({ valid: false, placement: null });
    const after = await harness.sql.query('SELECT count(*) FROM builds');
    expect(after.rows).toEqual(before.rows);
  });

  it('cancels a queued build at once, again with 202, and refuses nothing else', async () => {
    const { body: build } = await harness.submit(tenantId, projectId);
    const path = `${BUILDS}/${build.id}/cancel`;
    const first = await harness.call('POST', path, { tenantId, body: { reason: 'not needed' } });
    expect(first).toMatchObject({ status: 202, body: { status: 'cancelled', cancel_reason: 'not needed' } });
    expect((await harness.call('POST', path, { tenantId })).status).toBe(202);
    await harness.sql.query(`UPDATE builds SET status = 'completed' WHERE id = $1`, [build.id]);
    expect(await harness.call('POST', path, { tenantId })).toMatchObject({
      status: 409,
      body: { code: 'BuildAlreadyFinished' },
    });
  });

  it('retries only a build that has ended, as a new one from the same input', async () => {
    const { body: build } = await harness.submit(tenantId, projectId, { tags: ['again'], priority: 2 });
    const path = `${BUILDS}/${build.id}/retry`;
    expect(await harness.call('POST', path, { tenantId })).toMatchObject({
      status: 409,
      body: { code: 'BuildNotFinished' },
    });
    await harness.call('POST', `${BUILDS}/${build.id}/cancel`, { tenantId });
    const retried = await harness.call('POST', path, { tenantId });
    expect(retried).toMatchObject({
      status: 201,
      body: { retry_of: build.id, priority: 2, image: { tags: ['again'] } },
    });
  });
});

describe('submitting while Tekton is disabled', () => {
  let harness: ApiHarness;
  beforeAll(async () => {
    harness = await ApiHarness.start({ tektonEnabled: false });
  });
  afterAll(() => harness.stop());

  it('refuses kubernetes clearly and takes local by default', async () => {
    const tenantId = await harness.createTenant();
    const projectId = await harness.createProject(tenantId);
    await harness.createLocalProvider(tenantId);
    const refused = await harness.submit(tenantId, projectId, { infrastructure_type: 'kubernetes' });
    expect(refused).toMatchObject({ status: 400, body: { code: 'TektonDisabled' } });
    expect(refused.body.errors[0].message).toContain('IF_BUILD_TEKTON_ENABLED');
    expect((await harness.submit(tenantId, projectId)).body.infrastructure_type).toBe('local');
  });
});
