import { API_BASE, ROUTES } from '@image-factory/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { line, PlacedAttempt } from './api-execution-support.ts';
import { ApiHarness } from './api-support.ts';

const CANARY = 'canary-of-the-other-tenant';

describe('a tenant', () => {
  let harness: ApiHarness;
  let own: string;
  let key: string;
  let ownProject: string;
  let attempt: PlacedAttempt;
  const theirs = { tenant: '', project: '', build: '', registryAuth: '', repositoryAuth: '', provider: '' };

  beforeAll(async () => {
    harness = await ApiHarness.start();
    own = await harness.createTenant();
    key = await harness.createKey('tenant-admin', own);
    ownProject = await harness.createProject(own);
    theirs.tenant = await harness.createTenant();
    const create = async (path: string, body: object): Promise<string> =>
      (await harness.call('POST', API_BASE + path, { tenantId: theirs.tenant, body })).body.id;
    const basic = { type: 'basic', username: 'u', password: 'p' };
    theirs.registryAuth = await create('/registry-auths', { ...basic, name: CANARY, server: 'registry.example' });
    theirs.repositoryAuth = await create('/repository-auths', { ...basic, name: CANARY });
    theirs.project = await harness.createProject(theirs.tenant, { name: CANARY });
    theirs.provider = await harness.createLocalProvider(theirs.tenant);
    theirs.build = (await harness.submit(theirs.tenant, theirs.project, { tags: [CANARY] })).body.id;
    attempt = await PlacedAttempt.place(harness, theirs.build);
    await attempt.write({ task: 'build', step: 'build', ordinal: 1 }, line(CANARY));
  });
  afterAll(async () => {
    await attempt.close();
    await harness.stop();
  });

  it('finds no object of another by any id, on any route, under its own or the other id', async () => {
    const ids = Object.values(theirs);
    for (const rule of ROUTES.filter((candidate) => candidate.scope === 'tenant')) {
      for (const id of rule.path.includes(':') ? ids : ['']) {
        for (const tenantId of [own, theirs.tenant]) {
          const path = rule.path.replace(/:\w+/g, id);
          const answer = await harness.call(rule.method, path, { key, tenantId });
          const found = { method: rule.method, path, tenantId, text: answer.text.includes(CANARY) };
          expect(found).toMatchObject({ text: false });
          if (id !== '' || tenantId === theirs.tenant) {
            expect({ ...found, status: answer.status }).toMatchObject({ status: 404 });
          }
        }
      }
    }
  });

  it('cannot name an object of another in a body, and learns no more than that it is not there', async () => {
    const unknown = '01930000-0000-7000-8000-00000000dead';
    const refer = async (path: string, method: string, body: object): Promise<string> => {
      const answer = await harness.call(method, API_BASE + path, { key, tenantId: own, body });
      expect(answer.status).toBe(400);
      return JSON.stringify([answer.body.code, answer.body.errors]);
    };
    const project = { name: 'mine', git_repository_url: 'https://git.example/a/b.git' };
    for (const [field, id] of [
      ['registry_auth_id', theirs.registryAuth],
      ['repository_auth_id', theirs.repositoryAuth],
    ] as const) {
      const [given, none] = [{ [field]: id }, { [field]: unknown }];
      const created = await refer('/projects', 'POST', { ...project, ...given });
      expect(created).toBe(await refer('/projects', 'POST', { ...project, ...none }));
      const changed = await refer(`/projects/${ownProject}`, 'PATCH', given);
      expect(changed).toBe(await refer(`/projects/${ownProject}`, 'PATCH', none));
    }
    const build = { build_method: 'kaniko' };
    const named = await refer('/builds', 'POST', { ...build, project_id: theirs.project });
    expect(named).toBe(await refer('/builds', 'POST', { ...build, project_id: unknown }));
    const local = { ...build, project_id: ownProject, infrastructure_type: 'local' };
    expect(await refer('/builds', 'POST', { ...local, infrastructure_provider_id: theirs.provider })).toContain(
      'ProviderNotFound',
    );
    const validated = await harness.call('POST', `${API_BASE}/builds/validate`, {
      key,
      tenantId: own,
      body: { ...build, project_id: theirs.project },
    });
    expect(validated.body).toMatchObject({ valid: false, errors: [{ path: 'project_id' }] });
  });

  it('filters its own builds only', async () => {
    for (const query of [
      `project_id=${theirs.project}`,
      `infrastructure_provider_id=${theirs.provider}`,
      'status=running',
    ]) {
      const answer = await harness.call('GET', `${API_BASE}/builds?${query}`, { key, tenantId: own });
      expect(answer.body).toEqual({ items: [], next_cursor: null });
    }
    const cursor = Buffer.from('ffffffff-ffff-7fff-bfff-ffffffffffff').toString('base64url');
    const after = await harness.call('GET', `${API_BASE}/builds?cursor=${cursor}`, { key, tenantId: own });
    expect(after.body.items).toEqual([]);
  });

  it.each([
    '{"auths":{"registry.example":null}}',
    '{"auths":{"registry.example":"dTpw"}}',
    '{"auths":{"registry.example":{"auth":5}}}',
    '{"auths":{"registry.example":{}}}',
    '{"auths":{"registry.example":{"auth":"dTpw","exec":"sh"}}}',
    '{"auths":{},"HttpHeaders":{"X":"y"}}',
    '{"auths":{},"credsStore":"desktop"}',
    '{"auths":[]}',
    '[]',
    'null',
  ])('cannot store as a Docker config: %s', async (dockerconfigjson) => {
    const body = { name: 'd', type: 'dockerconfigjson', dockerconfigjson };
    const answer = await harness.call('POST', `${API_BASE}/registry-auths`, { key, tenantId: own, body });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: 'dockerconfigjson' }] } });
  });

  it('is not told of providers that are not granted to it; who may read providers is', async () => {
    const body = { project_id: ownProject, build_method: 'kaniko', infrastructure_type: 'kubernetes' };
    const path = `${API_BASE}/builds/validate`;
    const asTenant = await harness.call('POST', path, { key, tenantId: own, body });
    expect(asTenant.body).toMatchObject({ valid: true, placement: { rejected: [] } });
    expect(asTenant.text).not.toContain(theirs.provider);
    const asAdmin = await harness.call('POST', path, { tenantId: own, body });
    expect(asAdmin.body.placement.rejected).toContainEqual(
      expect.objectContaining({ provider_id: theirs.provider, reason: 'ProviderNotGranted' }),
    );
  });
});
