import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { API_BASE, createApi } from '@image-factory/api';
import { Secret } from '@image-factory/domain';
import { generateEncryptionKeys } from '@image-factory/persistence';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN_KEY, type Answer, ApiHarness, expectProblem, testEnv } from './api-support.ts';

describe('writes that are repeated', () => {
  let harness: ApiHarness;
  let tenantId: string;
  let projectId: string;

  beforeAll(async () => {
    harness = await ApiHarness.start();
    tenantId = await harness.createTenant();
    projectId = await harness.createProject(tenantId);
  });
  afterAll(() => harness.stop());

  const submission = (key: string, fields: Record<string, unknown> = {}): Promise<Answer> =>
    harness.call('POST', `${API_BASE}/builds`, {
      tenantId,
      headers: { 'idempotency-key': key },
      body: { project_id: projectId, build_method: 'kaniko', ...fields },
    });

  it('get the first answer again for the same key and body, whatever the order of its fields', async () => {
    const key = randomUUID();
    const first = await submission(key);
    const again = await harness.call('POST', `${API_BASE}/builds`, {
      tenantId,
      headers: { 'idempotency-key': key },
      raw: JSON.stringify({ build_method: 'kaniko', project_id: projectId }),
    });
    expect(again.status).toBe(201);
    expect(again.body).toEqual(first.body);
    expect(again.headers['location']).toBe(first.headers['location']);
  });

  it('are refused for the same key and another body', async () => {
    const key = randomUUID();
    await submission(key);
    expectProblem(await submission(key, { tags: ['other'] }), 422, 'IdempotencyKeyReused');
  });

  it('make one build when they come at once', async () => {
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 8 }, () => submission(key)));
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 8 }, () => 201));
  });

  it('may be corrected under the same key after a refusal', async () => {
    const key = randomUUID();
    expect((await submission(key, { build_method: 'make' })).status).toBe(400);
    expect((await submission(key)).status).toBe(201);
  });

  it('are known again after the encryption keys were rotated, by no hash that a guess could be tried against', async () => {
    const route = `${API_BASE}/registry-auths`;
    const body = { name: 'keyed', type: 'basic', server: 'registry.example', username: 'u', password: 'summer2026' };
    const headers = { 'idempotency-key': randomUUID() };
    const first = await harness.call('POST', route, { tenantId, headers, body });
    const { rows } = await harness.sql.query('SELECT request_hash FROM idempotency_keys WHERE key = $1', [
      headers['idempotency-key'],
    ]);
    const sorted = JSON.stringify(Object.fromEntries(Object.entries(body).sort(([a], [b]) => (a < b ? -1 : 1))));
    const guess = createHash('sha256').update(`POST ${route}\n${sorted}`).digest('hex');
    expect(rows[0].request_hash.toString('hex')).not.toBe(guess);
    const keys = (await readFile(join(harness.directory, 'encryption-keys'), 'utf8')).trim();
    const rotated = await createApi(
      {
        ...testEnv(harness.database.url, harness.directory),
        encryptionKeys: new Secret(`${generateEncryptionKeys()},${keys}`),
      },
      { logger: harness.log, resolve: async () => [{ address: '93.184.215.14', family: 4 }] },
    );
    try {
      await rotated.ready;
      const send = (sent: object): Promise<Response> =>
        fetch(rotated.url + route, {
          method: 'POST',
          headers: {
            ...headers,
            authorization: `Bearer ${ADMIN_KEY}`,
            'x-tenant-id': tenantId,
            'content-type': 'application/json',
          },
          body: JSON.stringify(sent),
        });
      expect(await (await send(body)).json()).toEqual(first.body);
      expect((await send({ ...body, password: 'other' })).status).toBe(422);
    } finally {
      await rotated.close();
    }
  });

  it('do not show an API key twice', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const body = { name: 'once', role: 'viewer', tenant_id: tenantId };
    const first = await harness.call('POST', `${API_BASE}/admin/api-keys`, { headers, body });
    const again = await harness.call('POST', `${API_BASE}/admin/api-keys`, { headers, body });
    expect(first.body.key).toMatch(/^ifk_/);
    expect(again.body).toEqual({ ...first.body, key: null });
    const { rows } = await harness.sql.query('SELECT response::text FROM idempotency_keys');
    expect(JSON.stringify(rows)).not.toContain(first.body.key);
  });

  it('are told apart by caller and tenant', async () => {
    const key = randomUUID();
    const other = await harness.createKey('developer', tenantId);
    const mine = await submission(key);
    const theirs = await harness.call('POST', `${API_BASE}/builds`, {
      tenantId,
      key: other,
      headers: { 'idempotency-key': key },
      body: { project_id: projectId, build_method: 'kaniko' },
    });
    expect(theirs.body.id).not.toBe(mine.body.id);
  });
});
