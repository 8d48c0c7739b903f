import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiHarness, expectProblem } from './api-support.ts';

const BUILDS = '/api/v1/builds';
const TENANTS = '/api/v1/admin/tenants';
const LIMITS = '/api/v1/admin/dispatcher/limits';

let harness: ApiHarness;

describe('what a build asks for and what holds it', () => {
  beforeAll(async () => {
    harness = await ApiHarness.start();
  });
  afterAll(() => harness.stop());

  async function tenantWith(fields: Record<string, unknown> = {}, project: Record<string, unknown> = {}) {
    const tenantId = await harness.createTenant(fields);
    return { tenantId, projectId: await harness.createProject(tenantId, project) };
  }

  const queueOf = async (tenantId: string, id: string): Promise<Record<string, unknown>> =>
    (await harness.call('GET', `${BUILDS}/${id}`, { tenantId })).body.queue;

  it('takes requirements within the tenant’s caps, shows them and puts them into the run', async () => {
    await harness.call('POST', '/api/v1/admin/infrastructure/providers', {
      body: {
        name: 'somewhere',
        provider_type: 'kubernetes',
        is_global: true,
        config: { auth_method: 'token', endpoint: 'https://k.example', token: 't' },
      },
    });
    const caps = { max_cpu: '4', max_memory: '8Gi', max_ephemeral_storage: '20Gi', max_workspace_size: '6Gi' };
    const { tenantId, projectId } = await tenantWith(caps);
    const requirements = { cpu: '1500m', memory: '4096Mi', ephemeral_storage: '10Gi', workspace_size: '2048Mi' };
    const created = await harness.submit(tenantId, projectId, { requirements });
    expect(created).toMatchObject({
      status: 201,
      body: { requirements: { cpu: '1500m', memory: '4Gi', ephemeral_storage: '10Gi', workspace_size: '2Gi' } },
    });
    const body = { project_id: projectId, build_method: 'kaniko', requirements };
    const validated = await harness.call('POST', `${BUILDS}/validate`, { tenantId, body });
    const figures = { cpu: '1500m', memory: '4Gi', 'ephemeral-storage': '10Gi' };
    expect(validated.body.pipeline_run.spec.workspaces[0].volumeClaimTemplate.spec.resources).toEqual({
      requests: { storage: '2Gi' },
    });
    expect(validated.body.pipeline_run.spec.taskRunSpecs).toEqual([
      { pipelineTaskName: 'build', computeResources: { requests: figures, limits: figures } },
    ]);
    const capped = await harness.submit(tenantId, projectId);
    const limits = { cpu: '4', memory: '8Gi', ephemeral_storage: '20Gi', workspace_size: null };
    expect(capped.body.requirements).toMatchObject(limits);
    const { rows } = await harness.sql.query('SELECT cpu_millis, memory_bytes FROM builds WHERE id = $1', [
      capped.body.id,
    ]);
    expect(rows).toEqual([{ cpu_millis: 1000, memory_bytes: String(2 ** 31) }]);
  });

  it('refuses what is beyond the caps or no quantity, each by its path', async () => {
    const caps = { max_cpu: '2', max_memory: '4Gi', max_ephemeral_storage: '8Gi', max_workspace_size: '1Gi' };
    const { tenantId, projectId } = await tenantWith(caps);
    const beyond = await harness.submit(tenantId, projectId, {
      requirements: { cpu: '2001m', memory: '5Gi', ephemeral_storage: '9Gi', workspace_size: '2Gi' },
    });
    expectProblem(beyond, 400, 'ValidationFailed');
    expect(beyond.body.errors).toEqual([
      { path: 'requirements.cpu', message: "must be at most 2, the tenant's max_cpu" },
      { path: 'requirements.memory', message: "must be at most 4Gi, the tenant's max_memory" },
      {
        path: 'requirements.ephemeral_storage',
        message: "must be at most 8Gi, the tenant's max_ephemeral_storage",
      },
      { path: 'requirements.workspace_size', message: "must be at most 1Gi, the tenant's max_workspace_size" },
    ]);
    const wrong = await harness.submit(tenantId, projectId, {
      requirements: { cpu: 'much', memory: '1e3', ephemeral_storage: '1', workspace_size: '0Gi', disk: '1' },
    });
    expect(wrong.body.errors.map((error: { path: string }) => error.path).sort()).toEqual([
      'requirements.cpu',
      'requirements.disk',
      'requirements.ephemeral_storage',
      'requirements.memory',
      'requirements.workspace_size',
    ]);
    for (const field of ['requirements', 'concurrency']) {
      for (const value of [null, [], 5, 'x']) {
        const answer = await harness.submit(tenantId, projectId, { [field]: value });
        expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: field }] } });
      }
    }
  });

  it('takes a guarantee that the tenant’s limit can keep, and caps that are quantities', async () => {
    const created = await harness.call('POST', TENANTS, {
      body: { name: 'guaranteed', guaranteed_builds: 3, max_concurrent_builds: 5, max_cpu: '4', max_memory: '8Gi' },
    });
    expect(created).toMatchObject({ status: 201, body: { guaranteed_builds: 3, max_cpu: '4', max_memory: '8Gi' } });
    const { rows } = await harness.sql.query('SELECT guaranteed FROM lanes WHERE tenant_id = $1', [created.body.id]);
    expect(rows).toEqual([{ guaranteed: 3 }]);
    const path = `${TENANTS}/${created.body.id}`;
    const lowered = await harness.call('PATCH', path, { body: { max_concurrent_builds: 2 } });
    expect(lowered).toMatchObject({ status: 400, body: { errors: [{ path: 'guaranteed_builds' }] } });
    expect((await harness.call('GET', path)).body.max_concurrent_builds).toBe(5);
    const wrong = await harness.call('PATCH', path, { body: { max_cpu: '0', max_memory: '4' } });
    expect(wrong.body.errors).toHaveLength(2);
    const disk = { max_ephemeral_storage: '20Gi', max_workspace_size: '5Gi' };
    expect(await harness.call('PATCH', path, { body: disk })).toMatchObject({ status: 200, body: disk });
    const none = { max_ephemeral_storage: null, max_workspace_size: null };
    expect(await harness.call('PATCH', path, { body: none })).toMatchObject({ status: 200, body: none });
    const both = await harness.call('PATCH', path, { body: { max_ephemeral_storage: '1', max_workspace_size: 'x' } });
    expect(both.body.errors).toHaveLength(2);
  });

  it('answers 409 to a key that is taken, and shows the key and its policy', async () => {
    const { tenantId, projectId } = await tenantWith();
    const concurrency = { key: 'main', policy: 'reject' };
    const first = await harness.submit(tenantId, projectId, { concurrency });
    expect(first).toMatchObject({ status: 201, body: { concurrency } });
    const refused = await harness.submit(tenantId, projectId, { concurrency });
    expectProblem(refused, 409, 'ConcurrencyKeyTaken');
    const instead = await harness.submit(tenantId, projectId, {
      concurrency: { key: 'main', policy: 'cancel_queued' },
    });
    expect(instead.status).toBe(201);
    const old = await harness.call('GET', `${BUILDS}/${first.body.id}`, { tenantId });
    expect(old.body).toMatchObject({ status: 'cancelled', reason: 'Superseded' });
    const usual = await harness.submit(tenantId, projectId, { concurrency: { key: 'x' } });
    expect(usual.body.concurrency).toEqual({ key: 'x', policy: 'queue' });
    const wrong = await harness.submit(tenantId, projectId, { concurrency: { key: ' ', policy: 'race' } });
    expect(wrong.body.errors.map((error: { path: string }) => error.path)).toEqual([
      'concurrency.key',
      'concurrency.policy',
    ]);
  });

  it('answers 429 with the reason and when to try again while the tenant’s queue is full', async () => {
    const { tenantId, projectId } = await tenantWith({ max_queued_builds: 1 });
    await harness.submit(tenantId, projectId);
    const refused = await harness.submit(tenantId, projectId);
    expectProblem(refused, 429, 'TenantQueueFull');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('shows which limit binds: the project’s, with the place among those that wait for it', async () => {
    const { tenantId, projectId } = await tenantWith({}, { max_concurrent_builds: 1 });
    const project = await harness.call('GET', `/api/v1/projects/${projectId}`, { tenantId });
    expect(project.body.max_concurrent_builds).toBe(1);
    const builds = [];
    for (let n = 0; n < 3; n += 1) builds.push((await harness.submit(tenantId, projectId)).body.id);
    await harness.sql.query(
      `UPDATE builds SET queue_key = NULL, parked = 'ProjectAtLimit', parked_message = 'full',
              parked_wake_on = 'project:' || project_id WHERE id = ANY ($1::uuid[])`,
      [builds],
    );
    await harness.sql.query('UPDATE lanes SET queued = 0, parked = 3 WHERE tenant_id = $1', [tenantId]);
    expect(await queueOf(tenantId, builds[1])).toEqual({
      position: 2,
      binds: { reason: 'ProjectAtLimit', message: 'full' },
      wake_at: null,
      estimate: null,
      no_estimate: 'no dispatcher is alive',
    });
    const freed = await harness.call('PATCH', `/api/v1/projects/${projectId}`, {
      tenantId,
      body: { max_concurrent_builds: null },
    });
    expect(freed.body.max_concurrent_builds).toBeNull();
    expect(await queueOf(tenantId, builds[1])).toMatchObject({ position: 2, binds: { reason: 'DispatcherMissing' } });
  });

  it('shows the limit of all tenants, which an administrator sets and the audit keeps', async () => {
    const { tenantId, projectId } = await tenantWith();
    const { body: build } = await harness.submit(tenantId, projectId);
    const set = await harness.call('PATCH', LIMITS, { body: { max_concurrent_builds: 0 } });
    expect(set).toMatchObject({ status: 200, body: { max_concurrent_builds: 0, running: 0 } });
    expect(await queueOf(tenantId, build.id)).toMatchObject({
      position: 1,
      binds: { reason: 'InstallationAtLimit', message: 'all tenants together run 0 of at most 0 builds' },
    });
    const status = await harness.call('GET', '/api/v1/admin/dispatcher/status');
    expect(status.body.limits).toEqual({ max_concurrent_builds: 0, running: 0 });
    await harness.call('PATCH', LIMITS, { body: { max_concurrent_builds: null } });
    const events = await harness.call('GET', '/api/v1/admin/audit-events');
    expect(events.body.items[0]).toMatchObject({
      action: 'dispatcher.limits',
      before: { max_concurrent_builds: 0 },
      after: { max_concurrent_builds: null },
    });
    expect((await harness.call('PATCH', LIMITS, { body: {} })).status).toBe(400);
    const operator = await harness.createKey('platform-operator');
    expect((await harness.call('PATCH', LIMITS, { key: operator, body: { max_concurrent_builds: 1 } })).status).toBe(
      403,
    );
  });

  it('estimates the wait from how long the tenant’s attempts took, and says so', async () => {
    const { tenantId, projectId } = await tenantWith({ max_concurrent_builds: 1 });
    await addDispatcher(1);
    await endAttempt(tenantId, projectId);
    await harness.sql.query('UPDATE lanes SET queued = 0 WHERE tenant_id = $1', [tenantId]);
    await harness.submit(tenantId, projectId);
    const { body: second } = await harness.submit(tenantId, projectId);
    expect(await queueOf(tenantId, second.id)).toMatchObject({
      position: 2,
      estimate: { seconds: 90, basis: expect.stringContaining('the last 1 attempts took 90 s') },
    });
    // Another tenant takes the only slot, and waits for more: this one can expect half of it.
    const other = await tenantWith();
    await harness.submit(other.tenantId, other.projectId);
    await harness.sql.query('UPDATE lanes SET running = 1 WHERE tenant_id = $1', [other.tenantId]);
    const waits = await queueOf(tenantId, second.id);
    expect(waits).toMatchObject({
      binds: { reason: 'SlotsTaken', message: 'all 1 slots of the dispatchers are taken' },
      estimate: { basis: expect.stringContaining('a share of 0.1 slots') },
    });
    expect((waits['estimate'] as { seconds: number }).seconds).toBeGreaterThanOrEqual(360);
    await harness.sql.query('UPDATE lanes SET running = 0 WHERE tenant_id = $1', [other.tenantId]);
  });

  it.each([
    ['its project', 'ProjectAtLimit', `'project:' || project_id`, '2 of 2 run', 90],
    ['its key', 'ConcurrencyKeyBusy', `'key:' || project_id || ':main'`, '1 of 1 run', 180],
    ['a full provider', 'NoEligibleProvider', `'provider:any'`, '3 of 3 run', 60],
  ] as const)(
    'shows the place and an estimate of a build that waits for %s',
    async (_, reason, wakeOn, run, seconds) => {
      const { tenantId, projectId } = await tenantWith({}, { max_concurrent_builds: 2 });
      await addDispatcher(50);
      await endAttempt(tenantId, projectId);
      const { body: first } = await harness.submit(tenantId, projectId);
      const { body: second } = await harness.submit(tenantId, projectId);
      const builds = [first.id, second.id];
      await harness.sql.query(
        `UPDATE builds SET queue_key = NULL, parked = $2, parked_message = 'full', parked_wake_on = ${wakeOn}
        WHERE id = ANY ($1::uuid[])`,
        [builds, reason],
      );
      await harness.sql.query('UPDATE lanes SET queued = 0, parked = 2 WHERE tenant_id = $1', [tenantId]);
      await harness.sql.query('UPDATE project_lanes SET running = 2 WHERE project_id = $1', [projectId]);
      await parkedBy(second.id, [await addProvider(2), await addProvider(1)]);
      expect(await queueOf(tenantId, second.id)).toMatchObject({
        position: 2,
        binds: { reason },
        estimate: { seconds, basis: expect.stringContaining(`position 2, ${run}, the last 1 attempts took 90 s`) },
        no_estimate: null,
      });
      await harness.sql.query(
        `UPDATE builds SET status = 'cancelled', parked = NULL, parked_wake_on = NULL, finished_at = now()
      WHERE id = ANY ($1::uuid[])`,
        [builds],
      );
    },
  );

  it('says that there is no estimate where no provider is eligible', async () => {
    const { tenantId, projectId } = await tenantWith();
    await addDispatcher(50);
    await endAttempt(tenantId, projectId);
    const { body: build } = await harness.submit(tenantId, projectId);
    await harness.sql.query(
      `UPDATE builds SET queue_key = NULL, parked = 'NoEligibleProvider', parked_message = 'none',
              parked_wake_on = 'provider:any', parked_wake_at = now() + interval '1 minute' WHERE id = $1`,
      [build.id],
    );
    await harness.sql.query('UPDATE lanes SET queued = 0, parked = 1 WHERE tenant_id = $1', [tenantId]);
    await parkedBy(build.id, [await addProvider(1)], 'ProviderUnhealthy');
    expect(await queueOf(tenantId, build.id)).toMatchObject({
      position: 1,
      estimate: null,
      no_estimate: expect.stringContaining('nobody knows when what binds it'),
    });
  });
});

async function addDispatcher(slots: number): Promise<void> {
  await harness.sql.query(
    `INSERT INTO dispatchers (id, host, version, slots, lease_until)
     VALUES (gen_random_uuid(), 'h', '0', $1, now() + interval '1 hour')`,
    [slots],
  );
}

/** An attempt of the tenant that held its slot for 90 s. */
async function endAttempt(tenantId: string, projectId: string): Promise<void> {
  const { body: ended } = await harness.submit(tenantId, projectId);
  await harness.sql.query(
    `UPDATE builds SET status = 'failed', attempt = 1, queue_key = NULL, finished_at = now() WHERE id = $1`,
    [ended.id],
  );
  await harness.sql.query(
    `INSERT INTO build_executions (id, build_id, tenant_id, attempt, state, owner, claim_token, slot_held, outcome,
       provider_id, shard, document, document_hash, pipeline_run_name, namespace, cluster_uid, log_day, claimed_at, finished_at)
     VALUES (gen_random_uuid(), $1, $2, 1, 'failed', gen_random_uuid(), gen_random_uuid(), false, 'failed',
       gen_random_uuid(), 0, '{}', 'h', 'run', 'ns', 'uid', current_date, now() - interval '90 seconds', now())`,
    [ended.id, tenantId],
  );
}

/** A provider whose slots are all taken. */
async function addProvider(slots: number): Promise<string> {
  const { rows } = await harness.sql.query<{ id: string }>(
    `INSERT INTO providers (id, name, provider_type, max_concurrent_builds, running)
     VALUES (gen_random_uuid(), gen_random_uuid()::text, 'kubernetes', $1, $1) RETURNING id`,
    [slots],
  );
  return rows[0]!.id;
}

/** What the build was parked by: why none of these took it. */
async function parkedBy(buildId: string, providerIds: readonly string[], reason = 'ProviderAtLimit'): Promise<void> {
  const rejected = providerIds.map((providerId) => ({ providerId, name: 'p', reason, message: '' }));
  await harness.sql.query(
    `INSERT INTO placement_decisions (execution_id, build_id, attempt, decision) VALUES (gen_random_uuid(), $1, 1, $2)`,
    [buildId, JSON.stringify({ candidates: [], rejected, more: [] })],
  );
}
