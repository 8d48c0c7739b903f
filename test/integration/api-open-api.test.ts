import { API_BASE, ROUTES } from '@image-factory/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiHarness } from './api-support.ts';

type Json = Record<string, unknown>;
interface Operation {
  readonly summary?: string;
  readonly security?: readonly Json[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: { readonly content: Json };
  readonly responses: Record<string, { readonly $ref?: string; readonly headers?: Json; readonly content?: Json }>;
}

describe('the OpenAPI document', () => {
  let harness: ApiHarness;
  let text: string;
  let document: {
    readonly paths: Record<string, Record<string, Operation>>;
    readonly components: { readonly schemas: Record<string, Json>; readonly responses: Record<string, Json> };
  };

  beforeAll(async () => {
    harness = await ApiHarness.start();
    const answer = await harness.call('GET', `${API_BASE}/openapi.json`, { key: undefined });
    text = answer.text;
    document = answer.body;
  });
  afterAll(() => harness.stop());

  const described = ROUTES.filter((rule) => !rule.path.includes('openapi'));

  it.each(described.map((rule) => ({ rule, title: `${rule.method} ${rule.path}` })))('describes $title', ({ rule }) => {
    const operation = document.paths[rule.path.replace(/:(\w+)/g, '{$1}')]?.[rule.method.toLowerCase()];
    expect(operation?.summary).toBeTruthy();
    const { responses, parameters = [], security } = operation!;
    const success = Object.entries(responses).filter(([status]) => status.startsWith('2'));
    expect(success).toHaveLength(1);
    for (const [status, response] of success) {
      if (status === '204') continue;
      for (const media of Object.values(response.content as Record<string, Json>)) expect(media['schema']).toBeTruthy();
      expect(Object.keys(response.content ?? {})).not.toHaveLength(0);
    }
    if (rule.permission === 'public') {
      expect(security).toEqual([]);
      return;
    }
    expect(security).toEqual([{ bearer: [] }]);
    const expected = ['400', '401', '429', '500', '503', ...(rule.method === 'GET' ? [] : ['409', '413', '415'])];
    for (const status of expected) expect(responses[status]?.$ref).toBe(`#/components/responses/Problem${status}`);
    const names = parameters.map((parameter) => parameter.name);
    expect(names.includes('X-Tenant-ID')).toBe(rule.scope === 'tenant');
    expect(names.includes('Idempotency-Key')).toBe('201' in responses);
    if ('201' in responses) expect(responses['201']?.headers).toHaveProperty('Location');
  });

  it('says where If-Match is honoured and where an ETag comes from', () => {
    const compared = `${API_BASE}/projects/{id}`;
    expect(document.paths[compared]?.['get']?.responses['200']?.headers).toHaveProperty('ETag');
    for (const [path, method] of [
      [compared, 'patch'],
      [compared, 'delete'],
      [`${API_BASE}/admin/infrastructure/providers/{id}`, 'patch'],
      [`${API_BASE}/admin/infrastructure/providers/{id}/status`, 'patch'],
    ] as const) {
      const operation = document.paths[path]?.[method];
      expect(operation?.parameters?.map((parameter) => parameter.name)).toContain('If-Match');
      expect(operation?.responses).toHaveProperty('412');
    }
  });

  it('has no reference that leads nowhere', () => {
    const references = [...text.matchAll(/"\$ref":"([^"]*)"/g)].map((match) => match[1] ?? '');
    expect(references.length).toBeGreaterThan(100);
    for (const reference of new Set(references)) {
      const target = reference
        .split('/')
        .slice(1)
        .reduce<unknown>((at, key) => (at as Json | undefined)?.[key], document);
      expect({ reference, found: target !== undefined }).toEqual({ reference, found: true });
    }
  });

  it('closes every request to unknown fields, and shows an example of every body', () => {
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      if (name.endsWith('Request'))
        expect({ name, closed: schema['additionalProperties'] }).toEqual({ name, closed: false });
    }
    for (const [path, item] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        const body = operation.requestBody?.content['application/json'] as Json | undefined;
        if (body !== undefined) expect({ path, method, example: body['example'] }).toMatchObject({ example: {} });
      }
    }
  });

  it('has examples of requests that the API takes', async () => {
    const tenantId = await harness.createTenant();
    const exampleOf = (path: string): Json =>
      (document.paths[API_BASE + path]?.['post']?.requestBody?.content['application/json'] as Json)['example'] as Json;
    const created = await harness.call('POST', `${API_BASE}/admin/tenants`, { body: exampleOf('/admin/tenants') });
    expect(created.status).toBe(201);
    const project = await harness.call('POST', `${API_BASE}/projects`, { tenantId, body: exampleOf('/projects') });
    expect(project.status).toBe(201);
    const build = { ...exampleOf('/builds'), project_id: project.body.id };
    const validated = await harness.call('POST', `${API_BASE}/builds/validate`, {
      tenantId,
      body: { ...build, build_config: { metadata: { registry_repo: 'registry.example/a/b' } } },
    });
    expect(validated.body.errors).toEqual([]);
  });

  it('is readable on a page whose parts all come from this server', async () => {
    const page = await harness.call('GET', '/docs', { key: undefined });
    expect(page.status).toBe(200);
    const parts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(parts.length).toBeGreaterThan(3);
    for (const part of parts) {
      expect(part).toMatch(/^\.\/docs\//);
      expect((await harness.call('GET', part.slice(1), { key: undefined })).status).toBe(200);
    }
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("default-src 'self'");
    // Its own scripts only, and none in the page itself, which the policy would refuse.
    expect(page.text).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>/);
  });
});
