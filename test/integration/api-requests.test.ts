import { randomUUID } from 'node:crypto';
import { API_BASE } from '@image-factory/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, ApiHarness, expectProblem } from './api-support.ts';

describe('requests', () => {
  let harness: ApiHarness;
  let tenantId: string;
  let projectId: string;

  beforeAll(async () => {
    harness = await ApiHarness.start();
    tenantId = await harness.createTenant();
    projectId = await harness.createProject(tenantId);
  });
  afterAll(() => harness.stop());

  describe('that are malformed', () => {
    const path = `${API_BASE}/projects`;
    const project = { name: 'p', git_repository_url: 'https://git.example/a/b.git' };

    it.each([
      ['not JSON', { raw: '{"name":' }, 400, 'MalformedJson'],
      ['a key that would reach the prototype', { raw: '{"__proto__":{"x":1}}' }, 400, 'MalformedJson'],
      ['larger than 1 MiB', { raw: JSON.stringify({ name: 'x'.repeat(1024 * 1024) }) }, 413, 'BodyTooLarge'],
      ['nested without end', { raw: '['.repeat(300_000) }, 400, 'MalformedJson'],
      ['an array', { raw: '[]' }, 400, 'ValidationFailed'],
      ['a text', { raw: '"x"' }, 400, 'ValidationFailed'],
      ['null', { raw: 'null' }, 400, 'ValidationFailed'],
      ['nothing', { raw: '' }, 400, 'ValidationFailed'],
      [
        'a form',
        { raw: 'name=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
        415,
        'UnsupportedMediaType',
      ],
      ['plain text', { raw: 'x', headers: { 'content-type': 'text/plain' } }, 415, 'UnsupportedMediaType'],
    ])('get a problem: %s', async (_name, options, status, code) => {
      expectProblem(await harness.call('POST', path, { tenantId, ...options }), status, code);
    });

    it('get 404 for routes and ids that are not there, and 405 with the methods that are', async () => {
      expectProblem(await harness.call('GET', `${API_BASE}/nothing`), 404, 'RouteNotFound');
      expectProblem(await harness.call('GET', '/'), 404, 'RouteNotFound');
      expectProblem(await harness.call('GET', `${API_BASE}/builds/not-an-id`, { tenantId }), 404, 'NotFound');
      expectProblem(await harness.call('GET', `${API_BASE}/builds/${randomUUID()}`, { tenantId }), 404, 'NotFound');
      const wrongMethod = await harness.call('PUT', `${API_BASE}/projects/${projectId}`, { tenantId, body: {} });
      expectProblem(wrongMethod, 405, 'MethodNotAllowed');
      expect(wrongMethod.headers['allow']).toBe('GET, PATCH, DELETE');
    });

    it('get every wrong field of a project at once', async () => {
      const body = {
        name: ' x',
        git_repository_url: 'file:///etc/passwd',
        git_branch: '-x',
        registry_repo: 'UPPER',
        build_timeout_minutes: 'a',
        extra: 1,
      };
      const answer = await harness.call('POST', path, { tenantId, body });
      expectProblem(answer, 400, 'ValidationFailed');
      expect(answer.body.errors.map((error: { path: string }) => error.path).sort()).toEqual([
        'build_timeout_minutes',
        'extra',
        'git_branch',
        'git_repository_url',
        'name',
        'registry_repo',
      ]);
    });

    it.each([
      ['loopback', 'http://127.0.0.1/a/b.git'],
      ['loopback by name', 'https://localhost/a/b.git'],
      ['metadata', 'http://169.254.169.254/latest/meta-data'],
      ['a private address', 'https://10.0.0.7/a/b.git'],
      ['an address in disguise', 'https://0x7f000001/a/b.git'],
      ['IPv6 loopback', 'https://[::1]/a/b.git'],
      ['ssh to loopback', 'git@127.0.0.1:a/b.git'],
    ])('get UrlForbidden for a git URL to %s', async (_name, git_repository_url) => {
      const answer = await harness.call('POST', path, { tenantId, body: { ...project, git_repository_url } });
      expect(answer.status).toBe(400);
      expect(['UrlForbidden', 'ValidationFailed']).toContain(answer.body.code);
      expect(answer.body.errors[0].path).toBe('git_repository_url');
    });
  });

  it('may be hostile in every text and change nothing but the answer', async () => {
    const hostile = [
      '$(touch /tmp/x)',
      '`id`',
      '"; rm -rf / #',
      "' OR 1=1 --",
      '${{ 7*7 }}',
      '<%= process.env %>',
      '{{7*7}}',
      'a\nb: c',
      '---\nkind: Pod',
      '\u0000',
      'a\u0000b',
      '\ud800',
      '\u202egnp.exe',
      '\u200b',
      '%00',
      '../../etc/passwd',
      '/etc/passwd',
      '-v',
      '--help',
      '*',
      '&x',
      '!!js/function',
      '\u2028',
      'x'.repeat(5000),
      '__proto__',
      'constructor',
    ];
    const fields = (text: string): Record<string, unknown>[] => [
      { git_branch: text },
      { git_commit: text },
      { tags: [text] },
      { infrastructure_provider_id: text },
      { not_before: text },
      { build_config: { dockerfile_path: text } },
      { build_config: { build_context: text } },
      { build_config: { target: text } },
      { build_config: { build_args: { ARG: text } } },
      { build_config: { build_args: { [text]: 'x' } } },
      { build_config: { metadata: { registry_repo: text } } },
      { build_config: { cache_repo: text } },
      { [text]: 1 },
    ];
    const seen = new Map<number, number>();
    for (const text of hostile) {
      for (const field of fields(text)) {
        const answer = await harness.submit(tenantId, projectId, field);
        expect({ text, field, status: answer.status < 500 }).toMatchObject({ status: true });
        if (answer.status === 201) {
          const stored = await harness.call('GET', `${API_BASE}/builds/${answer.body.id}`, { tenantId });
          const { tags, ...plain } = field;
          expect(stored.body).toMatchObject(tags === undefined ? plain : { image: { tags } });
        }
        seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
      }
      for (const name of ['status', 'cursor', 'limit', text]) {
        const query = new URLSearchParams({ [name]: text }).toString();
        expect((await harness.call('GET', `${API_BASE}/builds?${query}`, { tenantId })).status).toBeLessThan(500);
      }
    }
    expect(seen.get(400)).toBeGreaterThan(200);
  });

  it('list every build once over pages, newest first, also while new ones come', async () => {
    const tenant = await harness.createTenant();
    const project = await harness.createProject(tenant);
    const ids: string[] = [];
    for (let index = 0; index < 7; index += 1) ids.push((await harness.submit(tenant, project)).body.id);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? '' : `&cursor=${cursor}`;
      const { body } = await harness.call('GET', `${API_BASE}/builds?limit=3${query}`, { tenantId: tenant });
      seen.push(...body.items.map((item: { id: string }) => item.id));
      cursor = body.next_cursor;
      await harness.submit(tenant, project);
    } while (cursor !== null);
    expect(seen).toEqual(ids.reverse());
    const foreign = await harness.call('GET', `${API_BASE}/admin/tenants?limit=1`);
    expectProblem(
      await harness.call('GET', `${API_BASE}/builds?cursor=${foreign.body.next_cursor}`, { tenantId: tenant }),
      400,
      'ValidationFailed',
    );
    expect((await harness.call('GET', `${API_BASE}/builds?limit=101`, { tenantId: tenant })).status).toBe(400);
  });

  it('page through tenants, whose ids are random, without loss', async () => {
    const seen = new Set<string>();
    let cursor: string | null = null;
    do {
      const { body }: Answer = await harness.call(
        'GET',
        `${API_BASE}/admin/tenants?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`,
      );
      for (const item of body.items) seen.add(item.id);
      cursor = body.next_cursor;
    } while (cursor !== null);
    const { rows } = await harness.sql.query('SELECT id FROM tenants');
    expect(seen).toEqual(new Set(rows.map((row) => row.id)));
  });

  it('filter builds', async () => {
    const tenant = await harness.createTenant();
    const [one, two] = [await harness.createProject(tenant), await harness.createProject(tenant)];
    const first = await harness.submit(tenant, one);
    await harness.submit(tenant, two, { build_method: 'docker' });
    const ids = async (query: string): Promise<string[]> =>
      (await harness.call('GET', `${API_BASE}/builds?${query}`, { tenantId: tenant })).body.items.map(
        (item: { id: string }) => item.id,
      );
    expect(await ids(`project_id=${one}`)).toEqual([first.body.id]);
    expect(await ids('build_method=kaniko')).toEqual([first.body.id]);
    expect(await ids('status=running')).toEqual([]);
    expect(await ids(`created_before=${first.body.created_at}`)).toEqual([]);
    expect(await ids(`created_after=2020-01-01T00:00:00Z`)).toHaveLength(2);
    expect(await ids(`infrastructure_provider_id=${randomUUID()}`)).toEqual([]);
  });

  it('see nothing of another tenant', async () => {
    const other = await harness.createTenant();
    const key = await harness.createKey('tenant-admin', other);
    const { body: build } = await harness.submit(tenantId, projectId);
    const auth = await harness.call('POST', `${API_BASE}/registry-auths`, {
      tenantId,
      body: { name: 'r', type: 'basic', server: 'registry.example', username: 'u', password: 'p' },
    });
    const objects = [
      ['GET', `/projects/${projectId}`],
      ['PATCH', `/projects/${projectId}`],
      ['DELETE', `/projects/${projectId}`],
      ['DELETE', `/registry-auths/${auth.body.id}`],
      ['GET', `/builds/${build.id}`],
      ['POST', `/builds/${build.id}/cancel`],
      ['POST', `/builds/${build.id}/retry`],
      ...['events', 'events/stream', 'executions', 'placement', 'logs', 'logs/stream', 'artifacts', 'pipeline-run'].map(
        (part) => ['GET', `/builds/${build.id}/${part}`],
      ),
    ] as [string, string][];
    for (const [method, path] of objects) {
      const answer = await harness.call(method, API_BASE + path, {
        key,
        tenantId: other,
        ...(method === 'PATCH' ? { body: {} } : {}),
      });
      expect({ path, status: answer.status }).toEqual({ path, status: 404 });
      expect((await harness.call(method, API_BASE + path, { key, tenantId })).status).toBe(404);
    }
    for (const list of ['/projects', '/builds', '/registry-auths', '/repository-auths']) {
      expect((await harness.call('GET', API_BASE + list, { key, tenantId: other })).body.items).toEqual([]);
    }
    const stolen = { name: 's', git_repository_url: 'https://git.example/a/b.git', registry_auth_id: auth.body.id };
    expect(
      (await harness.call('POST', `${API_BASE}/projects`, { key, tenantId: other, body: stolen })).body.errors[0].path,
    ).toBe('registry_auth_id');
    const submitted = await harness.call('POST', `${API_BASE}/builds`, {
      key,
      tenantId: other,
      body: { project_id: projectId, build_method: 'kaniko' },
    });
    expect(submitted.body.errors[0].path).toBe('project_id');
  });

  it('compare and set by ETag', async () => {
    const path = `${API_BASE}/projects/${projectId}`;
    const read = await harness.call('GET', path, { tenantId });
    const etag = String(read.headers['etag']);
    const changed = await harness.call('PATCH', path, {
      tenantId,
      headers: { 'if-match': etag },
      body: { git_branch: 'next' },
    });
    expect(changed).toMatchObject({ status: 200, body: { git_branch: 'next' } });
    expectProblem(
      await harness.call('PATCH', path, { tenantId, headers: { 'if-match': etag }, body: { git_branch: 'other' } }),
      412,
      'PreconditionFailed',
    );
    expect((await harness.call('PATCH', path, { tenantId, headers: { 'if-match': 'W/"1"' }, body: {} })).status).toBe(
      412,
    );
    const cleared = await harness.call('PATCH', path, {
      tenantId,
      body: { git_branch: 'main', registry_auth_id: null },
    });
    expect(cleared.body).toMatchObject({ git_branch: 'main', registry_auth_id: null });
  });

  it('cannot take a name twice, nor delete what is in use', async () => {
    const tenant = await harness.createTenant();
    const id = await harness.createProject(tenant, { name: 'App' });
    const again = { name: 'app', git_repository_url: 'https://git.example/a/b.git' };
    expectProblem(
      await harness.call('POST', `${API_BASE}/projects`, { tenantId: tenant, body: again }),
      409,
      'NameTaken',
    );
    const { body: build } = await harness.submit(tenant, id);
    expectProblem(await harness.call('DELETE', `${API_BASE}/projects/${id}`, { tenantId: tenant }), 409, 'InUse');
    expectProblem(await harness.call('DELETE', `${API_BASE}/admin/tenants/${tenant}`), 409, 'InUse');
    await harness.call('POST', `${API_BASE}/builds/${build.id}/cancel`, { tenantId: tenant });
    expect((await harness.call('DELETE', `${API_BASE}/projects/${id}`, { tenantId: tenant })).status).toBe(204);
    expect((await harness.call('GET', `${API_BASE}/builds/${build.id}`, { tenantId: tenant })).status).toBe(200);
    expect((await harness.call('POST', `${API_BASE}/projects`, { tenantId: tenant, body: again })).status).toBe(201);
    expect((await harness.call('DELETE', `${API_BASE}/admin/tenants/${tenant}`)).status).toBe(204);
  });

  it('carry limits of their key', async () => {
    const limited = await ApiHarness.start({ rateLimitPerMinute: 5 });
    try {
      const first = await limited.call('GET', `${API_BASE}/whoami`);
      expect(first.headers).toMatchObject({ 'ratelimit-limit': '5', 'ratelimit-remaining': '4' });
      for (let index = 0; index < 4; index += 1) await limited.call('GET', `${API_BASE}/whoami`);
      const refused = await limited.call('GET', `${API_BASE}/whoami`);
      expectProblem(refused, 429, 'RateLimited');
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
      expect((await limited.call('GET', '/livez', { key: undefined })).status).toBe(200);
      expect((await limited.call('GET', `${API_BASE}/whoami`, { key: undefined })).status).toBe(401);
    } finally {
      await limited.stop();
    }
  });

  it('are described by the OpenAPI document, route by route', async () => {
    const { body } = await harness.call('GET', `${API_BASE}/openapi.json`, { key: undefined });
    expect(body.paths[`${API_BASE}/builds`].post.requestBody.content['application/json'].schema.$ref).toContain(
      'SubmitBuildRequest',
    );
    expect(Object.keys(body.components.schemas.SubmitBuildRequest.properties)).toContain('build_config');
    expect(body.components.schemas.BuildDetailResponse.properties).toHaveProperty('phases');
  });
});
