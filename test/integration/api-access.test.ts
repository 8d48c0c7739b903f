import { isAllowed, ROLES, TENANT_ROLES, type Role } from '@image-factory/domain';
import { API_BASE, ROUTES, type RouteRule } from '@image-factory/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiHarness } from './api-support.ts';

const SOME_ID = '01930000-0000-7000-8000-000000000001';

describe('who may use which route', () => {
  let harness: ApiHarness;
  let tenantId: string;
  const keys = new Map<Role, string>();

  beforeAll(async () => {
    harness = await ApiHarness.start();
    tenantId = await harness.createTenant();
    for (const role of ROLES) {
      keys.set(role, await harness.createKey(role, TENANT_ROLES.includes(role) ? tenantId : undefined));
    }
  });
  afterAll(() => harness.stop());

  const pathOf = (rule: RouteRule): string => rule.path.replace(/:(\w+)/g, SOME_ID);
  const guarded = ROUTES.filter((rule) => rule.permission !== 'public');

  it.each(
    guarded.flatMap((rule) => ROLES.map((role) => ({ rule, role, title: `${role} on ${rule.method} ${rule.path}` }))),
  )('$title', async ({ rule, role }) => {
    const answer = await harness.call(rule.method, pathOf(rule), {
      key: keys.get(role),
      ...(rule.scope === 'tenant' ? { tenantId } : {}),
    });
    const allowed =
      rule.permission === 'authenticated' ||
      (isAllowed(role, rule.permission as never) && !(rule.scope === 'platform' && TENANT_ROLES.includes(role)));
    if (allowed) expect(answer.status).not.toBe(403);
    else expect(answer).toMatchObject({ status: 403, body: { code: 'Forbidden' } });
    expect(answer.status).not.toBe(401);
    expect(answer.status).toBeLessThan(500);
  });

  it.each(guarded.map((rule) => ({ rule, title: `${rule.method} ${rule.path}` })))(
    '$title is refused without a key',
    async ({ rule }) => {
      const answer = await harness.call(rule.method, pathOf(rule), { key: undefined, tenantId });
      expect(answer).toMatchObject({ status: 401, body: { code: 'Unauthenticated' } });
      expect(answer.headers['www-authenticate']).toContain('Bearer');
    },
  );

  it.each(
    guarded.filter((rule) => rule.scope === 'tenant').map((rule) => ({ rule, title: `${rule.method} ${rule.path}` })),
  )('$title asks for X-Tenant-ID', async ({ rule }) => {
    for (const headers of [
      {},
      { 'x-tenant-id': 'nonsense' },
      { 'x-tenant-id': '00000000-0000-0000-0000-000000000000' },
    ]) {
      const answer = await harness.call(rule.method, pathOf(rule), { headers });
      expect(answer).toMatchObject({ status: 400, body: { code: 'TenantRequired' } });
    }
  });

  it('has a rule for every route that is registered, and registers every route of the table', async () => {
    const printed = harness.api.app.getHttpAdapter().getInstance().printRoutes({ commonPrefix: false });
    expect(printed).toContain('livez');
    for (const rule of ROUTES) {
      const answer = await harness.call(rule.method, pathOf(rule), { tenantId });
      expect({ rule, code: answer.body?.code }).not.toMatchObject({ code: 'RouteNotFound' });
      expect(JSON.stringify(answer.body ?? {})).not.toContain('has no rule');
    }
  });

  it('tells the caller who it is', async () => {
    const answer = await harness.call('GET', `${API_BASE}/whoami`, { key: keys.get('developer') });
    expect(answer.body).toMatchObject({ roles: ['developer'], tenants: [tenantId], all_tenants: false });
    expect(answer.body.permissions).toContain('build:submit');
    const admin = await harness.call('GET', `${API_BASE}/whoami`);
    expect(admin.body).toMatchObject({
      roles: ['system-admin'],
      tenants: [],
      all_tenants: true,
      name: 'bootstrap-admin',
    });
  });

  it('lets an operator cordon a provider but not disable it', async () => {
    const id = await harness.createLocalProvider();
    const path = `${API_BASE}/admin/infrastructure/providers/${id}/status`;
    const key = keys.get('platform-operator');
    expect((await harness.call('PATCH', path, { key, body: { status: 'cordoned' } })).body.status).toBe('cordoned');
    expect((await harness.call('PATCH', path, { key, body: { status: 'disabled' } })).status).toBe(403);
  });

  it('refuses a revoked key and an expired one from the next request on', async () => {
    const created = await harness.call('POST', `${API_BASE}/admin/api-keys`, {
      body: { name: 'short', role: 'viewer', tenant_id: tenantId },
    });
    const { key, id } = created.body;
    expect((await harness.call('GET', `${API_BASE}/whoami`, { key })).status).toBe(200);
    expect((await harness.call('DELETE', `${API_BASE}/admin/api-keys/${id}`)).status).toBe(204);
    expect((await harness.call('GET', `${API_BASE}/whoami`, { key })).status).toBe(401);
    const expired = await harness.call('POST', `${API_BASE}/admin/api-keys`, {
      body: { name: 'old', role: 'viewer', tenant_id: tenantId, expires_at: '2020-01-01T00:00:00Z' },
    });
    expect((await harness.call('GET', `${API_BASE}/whoami`, { key: expired.body.key })).status).toBe(401);
  });
});
