import { once } from 'node:events';
import { connect } from 'node:net';
import { API_BASE, ROUTES } from '@image-factory/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PlacedAttempt } from './api-execution-support.ts';
import { ADMIN_KEY, type Answer, ApiHarness, expectProblem } from './api-support.ts';

const SOME_ID = '01930000-0000-7000-8000-000000000001';
const cursorOf = (key: string): string => Buffer.from(key, 'utf8').toString('base64url');

describe('a hostile client', () => {
  let harness: ApiHarness;
  let tenantId: string;
  let projectId: string;

  beforeAll(async () => {
    harness = await ApiHarness.start({}, { requestLimitMs: 300 });
    tenantId = await harness.createTenant();
    projectId = await harness.createProject(tenantId);
  });
  afterAll(() => harness.stop());

  /** Sends bytes over a socket and gives everything that comes back until the server closes it. */
  async function exchange(...parts: string[]): Promise<string> {
    const socket = connect(Number(new URL(harness.api.url).port), '127.0.0.1');
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    for (const part of parts) socket.write(part);
    await once(socket, 'close');
    return text;
  }

  function expectRawProblem(text: string, status: number): void {
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(text.toLowerCase()).toContain('content-type: application/problem+json');
    expect(JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4))).toMatchObject({ status, code: 'ValidationFailed' });
  }

  it.each(['%zz', '%E0%A4%A', '%'])('gets a problem for the address %s, which does not decode', async (part) => {
    expectProblem(await harness.call('GET', `${API_BASE}/builds/${part}`, { tenantId }), 400, 'ValidationFailed');
  });

  it('gets a problem for an address that is too long', async () => {
    const path = `${API_BASE}/builds/${'x'.repeat(300)}`;
    expectProblem(await harness.call('GET', path, { tenantId }), 414, 'ValidationFailed');
  });

  it.each(['//whoami', '/whoami/', '/WHOAMI', '/whoami;x=1', '/whoami%2f'])(
    'finds nothing under another spelling of an address: %s',
    async (path) => {
      expect((await harness.call('GET', API_BASE + path)).status).toBe(404);
    },
  );

  it('finds nothing by climbing over dots, which are no part of an address here', async () => {
    for (const path of [
      `${API_BASE}/../v1/whoami`,
      `${API_BASE}/./whoami`,
      '/docs/../../../etc/passwd',
      '/docs/%2e%2e/%2e%2e/etc/passwd',
    ]) {
      expect(await exchange(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)).toMatch(
        /^HTTP\/1\.1 404 /,
      );
    }
  });

  it('gets problems for bytes that are no HTTP, for headers that are too large and for unknown methods', async () => {
    expectRawProblem(await exchange('\u0016\u0003\u0001 nonsense\r\n\r\n'), 400);
    expectRawProblem(await exchange(`GET /livez HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`), 431);
    for (const method of ['QUERY', 'PROPFIND', 'TRACE', 'OPTIONS', 'PUT']) {
      const answer = await exchange(
        `${method} ${API_BASE}/builds/validate HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n` +
          `authorization: Bearer ${ADMIN_KEY}\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 405 /);
      expect(answer.toLowerCase()).toContain('\r\nallow: post\r\n');
    }
  });

  it('does not hold a connection by sending a body slowly', async () => {
    const head =
      `POST ${API_BASE}/projects HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${ADMIN_KEY}\r\n` +
      `x-tenant-id: ${tenantId}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n`;
    expectRawProblem(await exchange(head, '{"name":'), 408);
  });

  it('cannot keep the process busy with a body of very many fields', async () => {
    const many = Object.fromEntries(Array.from({ length: 60_000 }, (_, index) => [`f${index}`, 1]));
    const startedMs = performance.now();
    const answers = [
      await harness.call('POST', `${API_BASE}/projects`, { tenantId, body: many }),
      await harness.call('POST', `${API_BASE}/builds`, { tenantId, body: { build_config: { build_args: many } } }),
      await harness.call('POST', `${API_BASE}/builds`, { tenantId, body: { tags: Object.keys(many) } }),
    ];
    for (const answer of answers) {
      expectProblem(answer, 400, 'MalformedJson');
      expect(answer.text.length).toBeLessThan(1_000);
    }
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    const text = JSON.stringify({ name: ','.repeat(5_000), git_repository_url: 'https://git.example/a/b.git' });
    expect((await harness.call('POST', `${API_BASE}/projects`, { tenantId, raw: text })).body.code).toBe(
      'ValidationFailed',
    );
  });

  it('gets 400 for every cursor that no list has made', async () => {
    const cursors = [
      '2026-99-99 00:00:00+00|' + SOME_ID,
      '2026-02-30 00:00:00+00|' + SOME_ID,
      '2026-01-01 00:00:00+99|' + SOME_ID,
      `2026-01-01 00:00:00+00|${SOME_ID}|x`,
      `2026-01-01 00:00:00+00|x`,
      "' OR 1=1 --",
      SOME_ID + '\0',
      '9'.repeat(19),
      '-1',
      '\ufeff',
      '{}',
    ].map(cursorOf);
    const lists = ROUTES.filter((rule) => rule.method === 'GET' && /\/(?:[a-z-]+s|queue|events)$/.test(rule.path));
    let asked = 0;
    for (const rule of lists) {
      for (const cursor of [...cursors, 'not base64!', `${cursorOf(SOME_ID)}=`]) {
        const answer = await harness.call(
          'GET',
          `${rule.path.replace(/:\w+/g, SOME_ID)}?cursor=${encodeURIComponent(cursor)}`,
          {
            ...(rule.scope === 'tenant' ? { tenantId } : {}),
          },
        );
        expect({ path: rule.path, cursor, status: answer.status < 500 }).toMatchObject({ status: true });
        if (answer.status === 400) asked += 1;
      }
    }
    expect(asked).toBeGreaterThan(70);
    for (const cursor of cursors) {
      const path = `${API_BASE}/admin/tenants?cursor=${cursor}`;
      expectProblem(await harness.call('GET', path), 400, 'ValidationFailed');
    }
  });

  it.each(['2026-02-30T00:00:00Z', '2026-04-31T12:00:00+02:00', '2026-01-01T24:00:00Z', '2025-02-29T00:00:00Z'])(
    'cannot name the time %s, which does not exist',
    async (time) => {
      const answer = await harness.submit(tenantId, projectId, { not_before: time });
      expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: 'not_before' }] } });
    },
  );

  it.each([
    ['POST', '/admin/dispatcher/resume'],
    ['POST', `/builds/${SOME_ID}/retry`],
    ['POST', `/admin/infrastructure/providers/${SOME_ID}/test-connection`],
  ])('is told of fields where none are taken: %s %s', async (method, path) => {
    const call = (raw: string): Promise<Answer> => harness.call(method, API_BASE + path, { tenantId, raw });
    expect((await call('{"x":1,"y":2}')).body).toMatchObject({
      code: 'ValidationFailed',
      errors: [{ path: 'x' }, { path: 'y' }],
    });
    expectProblem(await call('null'), 400, 'ValidationFailed');
    expect((await call('{}')).status).not.toBe(400);
    expect((await call('')).status).not.toBe(400);
  });

  it('cannot set what no request has: ids, tenants, counters, states', async () => {
    const other = await harness.createTenant();
    const project = { name: 'mass', git_repository_url: 'https://git.example/a/b.git' };
    const extra = { id: SOME_ID, tenant_id: other, version: 7, next_build_number: 9, deleted_at: null };
    const refused = await harness.call('POST', `${API_BASE}/projects`, { tenantId, body: { ...project, ...extra } });
    expect(refused.body.errors.map((error: { path: string }) => error.path)).toEqual(Object.keys(extra));
    const build = {
      status: 'completed',
      tenant_id: other,
      build_number: 1,
      queue_key: 0,
      image_digest: 'x',
      created_by: 'x',
    };
    const submitted = await harness.submit(tenantId, projectId, build);
    expect(submitted.body.errors.map((error: { path: string }) => error.path)).toEqual(Object.keys(build));
    const provider = { name: 'm', provider_type: 'local', source: 'environment', is_default: true, running: -1 };
    const created = await harness.call('POST', `${API_BASE}/admin/infrastructure/providers`, { body: provider });
    expect(created.body.errors.map((error: { path: string }) => error.path)).toEqual([
      'source',
      'is_default',
      'running',
    ]);
  });

  it('is told by name what is not supported yet, whatever its value', async () => {
    const config = { auth_method: 'token', endpoint: 'https://k.example', token: 't', registry_access: 'cluster' };
    const body = { name: 'later', provider_type: 'kubernetes', config };
    const provider = await harness.call('POST', `${API_BASE}/admin/infrastructure/providers`, { body });
    expectProblem(provider, 400, 'NotYetSupported');
    expect(provider.body.errors[0].path).toBe('config.registry_access');
  });

  it('pages through the audit trail to its end', async () => {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query = cursor === null ? '' : `&cursor=${cursor}`;
      const { body }: Answer = await harness.call('GET', `${API_BASE}/admin/audit-events?limit=2${query}`);
      seen.push(...body.items.map((item: { id: string }) => item.id));
      cursor = body.next_cursor;
    } while (cursor !== null);
    const { rows } = await harness.sql.query('SELECT id::text FROM audit_events ORDER BY audit_events.id DESC');
    expect(seen).toEqual(rows.map((row) => row.id));
    expect(seen.length).toBeGreaterThan(2);
  });

  it('cannot delete a tenant whose attempts are not cleaned up, although no build of it runs', async () => {
    const tenant = await harness.createTenant();
    const { body: build } = await harness.submit(tenant, await harness.createProject(tenant));
    const attempt = await PlacedAttempt.place(harness, build.id);
    await harness.sql.query('UPDATE lanes SET queued = 0 WHERE tenant_id = $1', [tenant]);
    await attempt.finish();
    const path = `${API_BASE}/admin/tenants/${tenant}`;
    expectProblem(await harness.call('DELETE', path), 409, 'InUse');
    await harness.sql.query('UPDATE build_executions SET swept_at = now() WHERE build_id = $1', [build.id]);
    expect((await harness.call('DELETE', path)).status).toBe(204);
    await attempt.close();
  });
});
