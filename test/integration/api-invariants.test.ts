import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiHarness, expectProblem } from './api-support.js';

const PATH = '/api/v1/admin/invariants';
let harness: ApiHarness;
beforeAll(async () => {
  harness = await ApiHarness.start();
});
afterAll(() => harness.stop());

async function counts(): Promise<Record<string, number>> {
  const { body } = await harness.call('GET', PATH);
  return Object.fromEntries(body.invariants.map((one: { name: string; count: number }) => [one.name, one.count]));
}

describe('GET /admin/invariants', () => {
  it('says that all hold in a new installation', async () => {
    const answer = await harness.call('GET', PATH);
    expect(answer.status).toBe(200);
    expect(answer.body.holds).toBe(true);
    expect(await counts()).toEqual({ orphans: 0, stranded: 0, duplicates: 0, unsealed: 0, drift: 0, foreign: 0 });
  });

  it('counts each that is broken, and names what breaks it', async () => {
    const tenantId = await harness.createTenant();
    const { body: build } = await harness.submit(tenantId, await harness.createProject(tenantId));
    const { rows } = await harness.sql.query<{ id: string }>(
      `INSERT INTO providers (id, name, provider_type) VALUES (gen_random_uuid(), 'east', 'kubernetes') RETURNING id`,
    );
    const metrics = { orphans: 2, orphan_objects: ['ns/if-a', 'ns/if-b'], foreign_providers: [rows[0]?.id] };
    await harness.sql.query(
      `INSERT INTO dispatchers (id, host, version, slots, lease_until, metrics)
       VALUES (gen_random_uuid(), 'a', '0.1.0', 50, now() + interval '1 minute', $1)`,
      [metrics],
    );
    const executionId = randomUUID();
    await harness.sql.query(`UPDATE builds SET status = 'running', queue_key = NULL WHERE id = $1`, [build.id]);
    expect(await counts()).toMatchObject({ orphans: 2, stranded: 1, foreign: 1, drift: 1, unsealed: 0 });
    await harness.sql.query(
      `INSERT INTO build_executions (id, build_id, tenant_id, attempt, state, owner, claim_token, provider_id, shard,
          document, document_hash, pipeline_run_name, namespace, cluster_uid, log_day, outcome, outcome_at, slot_held, placed_at)
       VALUES ($1, $2, $3, 1, 'sealing', gen_random_uuid(), gen_random_uuid(), $4, 0,
          '{}', 'h', 'if-a', 'ns', 'u', current_date, 'succeeded', now() - interval '10 minutes', false, now() - interval '1 hour')`,
      [executionId, build.id, tenantId, rows[0]?.id],
    );
    const { body } = await harness.call('GET', PATH);
    expect(body.holds).toBe(false);
    expect(body.invariants).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: 'orphans', count: 2, examples: ['ns/if-a', 'ns/if-b'] }),
        expect.objectContaining({
          name: 'stranded',
          examples: [`execution ${executionId} (sealing) is on a shard that nobody owns`],
        }),
        expect.objectContaining({ name: 'unsealed', count: 1 }),
        expect.objectContaining({ name: 'foreign', examples: ['provider east'] }),
      ]),
    );
  });

  it('is for the platform’s people only', async () => {
    const tenantId = await harness.createTenant();
    const key = await harness.createKey('tenant-admin', tenantId);
    expectProblem(await harness.call('GET', PATH, { key }), 403, 'Forbidden');
  });
});
