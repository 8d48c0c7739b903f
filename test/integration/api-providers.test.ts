import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { API_BASE } from '@image-factory/api';
import { FakeKubeApiServer } from '@image-factory/test-support';
import { Database, PostgresMirroredProviders } from '@image-factory/persistence';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PlacedAttempt } from './api-execution-support.ts';
import { type Answer, ApiHarness, expectProblem } from './api-support.ts';

const PROVIDERS = `${API_BASE}/admin/infrastructure/providers`;

describe('providers', () => {
  let harness: ApiHarness;
  let cluster: FakeKubeApiServer;
  let directory: string;

  beforeAll(async () => {
    cluster = await FakeKubeApiServer.start();
    directory = await mkdtemp(join(tmpdir(), 'if-credentials-'));
    harness = await ApiHarness.start({ egressAllow: ['127.0.0.1'], credentialDirs: [directory] });
  });
  afterAll(async () => {
    await harness.stop();
    await cluster.close();
    await rm(directory, { recursive: true, force: true });
  });

  let count = 0;
  const create = (config: Record<string, unknown>, fields: Record<string, unknown> = {}): Promise<Answer> =>
    harness.call('POST', PROVIDERS, {
      body: { name: `cluster ${(count += 1)}`, provider_type: 'kubernetes', config, ...fields },
    });
  const tokenConfig = (token = 'fake-token'): Record<string, unknown> => ({
    auth_method: 'token',
    endpoint: cluster.url,
    token,
    ca_cert: cluster.ca,
  });

  it('are created and read without their secret, with an ETag', async () => {
    const answer = await create(tokenConfig(), {
      labels: { zone: 'a' },
      capabilities: ['arm64'],
      max_concurrent_builds: 5,
    });
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({
      provider_type: 'kubernetes',
      source: 'api',
      status: 'enabled',
      health: 'unknown',
      labels: { zone: 'a' },
      config: { auth_method: 'token', endpoint: cluster.url },
      credential: { auth_method: 'token', version: 1 },
    });
    expect(answer.text).not.toContain('fake-token');
    const read = await harness.call('GET', `${PROVIDERS}/${answer.body.id}`);
    expect(read.headers['etag']).toBe(answer.headers['etag']);
    expect(read.body).toEqual(answer.body);
    const { rows } = await harness.sql.query('SELECT settings::text, credential_sealed FROM providers WHERE id = $1', [
      answer.body.id,
    ]);
    expect(rows[0].settings).not.toContain('fake-token');
    expect(rows[0].credential_sealed.includes('fake-token')).toBe(false);
  });

  it('get every wrong field of their config at once', async () => {
    const answer = await create({ auth_method: 'token', workspace_size: 'big', surprise: 1 }, { is_global: 'yes' });
    expect(answer.status).toBe(400);
    const config = await create({ auth_method: 'token', workspace_size: 'big', surprise: 1 });
    expect(config.body.errors.length).toBeGreaterThanOrEqual(4);
    expect(config.body.errors.every((error: { path: string }) => error.path.startsWith('config'))).toBe(true);
  });

  it('refuse kubeconfigs with exec by name, files outside of allowed directories and metadata addresses', async () => {
    const kubeconfig = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'c',
      clusters: [{ name: 'c', cluster: { server: 'https://k.example', 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'u', user: { exec: { command: 'sh' } } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    });
    const exec = await create({ auth_method: 'kubeconfig', kubeconfig });
    expect(exec.status).toBe(400);
    expect(JSON.stringify(exec.body.errors)).toContain('exec');
    expect(JSON.stringify(exec.body.errors)).toContain('insecure-skip-tls-verify');
    const path = await create({ auth_method: 'token', endpoint: cluster.url, token_path: '/etc/shadow' });
    expect(path).toMatchObject({ status: 400, body: { errors: [{ path: 'config.token_path' }] } });
    const metadata = await create({ auth_method: 'token', endpoint: 'https://169.254.169.254', token: 'x' });
    expect(metadata).toMatchObject({ status: 400, body: { errors: [{ path: 'config.endpoint' }] } });
  });

  it('keep a credential that a PATCH leaves out, and count a new one', async () => {
    const { body } = await create(tokenConfig());
    const path = `${PROVIDERS}/${body.id}`;
    const kept = await harness.call('PATCH', path, { body: { config: { storage_class: 'fast' }, region: 'eu' } });
    expect(kept.body).toMatchObject({
      region: 'eu',
      generation: 2,
      config: { storage_class: 'fast' },
      credential: { fingerprint: body.credential.fingerprint, version: 1 },
    });
    const rotated = await harness.call('PATCH', path, { body: { config: { token: 'other-token' } } });
    expect(rotated.body.credential).toMatchObject({ version: 2 });
    expect(rotated.body.credential.fingerprint).not.toBe(body.credential.fingerprint);
    await writeFile(join(directory, 'token'), 'fake-token');
    const moved = await harness.call('PATCH', path, { body: { config: { token_path: join(directory, 'token') } } });
    expect(moved.body).toMatchObject({
      credential: { fingerprint: null },
      config: { token_path: join(directory, 'token') },
    });
    const stale = await harness.call('PATCH', path, {
      headers: { 'if-match': String((await create(tokenConfig())).headers['etag']) },
      body: {},
    });
    expect(stale.status).toBe(412);
    expect(
      (await harness.call('PATCH', path, { body: { config: { storage_class: null } } })).body.config,
    ).not.toHaveProperty('storage_class');
  });

  it('are granted, listed and revoked; a local one is never global', async () => {
    const tenantId = await harness.createTenant();
    const { body } = await create(tokenConfig());
    const path = `${PROVIDERS}/${body.id}/permissions`;
    const granted = await harness.call('POST', path, {
      body: { tenant_id: tenantId, expires_at: '2040-01-01T00:00:00Z' },
    });
    expect(granted).toMatchObject({
      status: 201,
      body: { tenant_id: tenantId, expires_at: '2040-01-01T00:00:00.000Z' },
    });
    expect((await harness.call('GET', path)).body.items).toHaveLength(1);
    expect((await harness.call('DELETE', `${path}/${tenantId}`)).status).toBe(204);
    expect((await harness.call('DELETE', `${path}/${tenantId}`)).status).toBe(404);
    const local = await harness.call('POST', PROVIDERS, {
      body: { name: 'l', provider_type: 'local', is_global: true },
    });
    expect(local).toMatchObject({ status: 400, body: { errors: [{ path: 'is_global' }] } });
  });

  it('change their status with a deadline for a drain, and are deleted when nothing is left there', async () => {
    const { body } = await create(tokenConfig());
    const path = `${PROVIDERS}/${body.id}`;
    const draining = await harness.call('PATCH', `${path}/status`, {
      body: { status: 'draining', deadline: '2040-01-01T00:00:00Z' },
    });
    expect(draining.body).toMatchObject({ status: 'draining', drain_deadline: '2040-01-01T00:00:00.000Z' });
    expect(
      (await harness.call('PATCH', `${path}/status`, { body: { status: 'enabled', deadline: '2040-01-01T00:00:00Z' } }))
        .status,
    ).toBe(400);
    expect((await harness.call('DELETE', path)).status).toBe(204);
    expect((await harness.call('GET', path)).body.code).toBe('ProviderNotFound');
  });

  it('say who drains them, why, and what is left there, and the audit trail does too', async () => {
    const { body } = await create(tokenConfig());
    const path = `${PROVIDERS}/${body.id}`;
    expect(body).toMatchObject({ status_reason: null, status_changed_by: null, status_changed_at: null });
    const reason = 'kernel update, change 4711';
    const change = { status: 'draining', deadline: '2020-01-01T00:00:00Z', reason };
    const changed = await harness.call('PATCH', `${path}/status`, { body: change });
    const who = { status_reason: reason, status_changed_by: 'user:bootstrap-admin' };
    expect(changed.body).toMatchObject(who);
    expect((await harness.call('GET', path)).body).toMatchObject(who);
    const drained = {
      status: 'draining',
      reason,
      changed_by: 'user:bootstrap-admin',
      past_deadline: true,
      remaining: 0,
    };
    expect((await harness.call('GET', `${path}/drain`)).body).toMatchObject({ ...drained, drained: true });
    const left = { build: randomUUID(), tenant: randomUUID() };
    await harness.sql.query(
      `INSERT INTO build_executions (id, build_id, tenant_id, attempt, state, owner, claim_token, provider_id, shard,
         document, document_hash, pipeline_run_name, namespace, cluster_uid, log_day, stop_intent)
       VALUES (gen_random_uuid(), $1, $2, 1, 'running', gen_random_uuid(), gen_random_uuid(), $3, 0, '{}', 'h', 'run',
               'n', 'u', current_date, 'Drain')`,
      [left.build, left.tenant, body.id],
    );
    expect((await harness.call('GET', `${path}/drain`)).body).toMatchObject({
      drained: false,
      remaining: 1,
      moving: 1,
      finishing: 0,
      executions: [{ build_id: left.build, tenant_id: left.tenant, state: 'running', moving: true }],
    });
    const audit = await harness.call('GET', `/api/v1/admin/audit-events?object_id=${body.id}`);
    expect(audit.body.items[0]).toMatchObject({
      action: 'provider.status',
      actor: 'user:bootstrap-admin',
      before: { status: 'enabled', deadline: null, reason: null },
      after: { status: 'draining', deadline: '2020-01-01T00:00:00Z', reason },
    });
    await harness.sql.query('DELETE FROM build_executions WHERE provider_id = $1', [body.id]);
    await harness.call('PATCH', `${path}/status`, { body: { status: 'enabled' } });
    expect((await harness.call('GET', `${path}/drain`)).body).toMatchObject({
      reason: null,
      deadline: null,
      drained: false,
    });
  });

  it('show what runs there, and are not deleted meanwhile', async () => {
    const tenantId = await harness.createTenant();
    const { body: build } = await harness.submit(tenantId, await harness.createProject(tenantId));
    const attempt = await PlacedAttempt.place(harness, build.id);
    try {
      const { rows } = await harness.sql.query('SELECT provider_id FROM build_executions WHERE id = $1', [
        attempt.executionId,
      ]);
      const path = `${PROVIDERS}/${rows[0].provider_id}`;
      const running = await harness.call('GET', `${path}/executions`);
      expect(running.body.items).toMatchObject([{ id: attempt.executionId, build_id: build.id, status: 'running' }]);
      expect(await harness.call('DELETE', path)).toMatchObject({ status: 409, body: { code: 'InUse' } });
    } finally {
      await attempt.close();
    }
  });

  it('are tested step by step and checked for readiness', async () => {
    const { body: good } = await create(tokenConfig());
    const passed = await harness.call('POST', `${PROVIDERS}/${good.id}/test-connection`);
    expect(passed.body.steps.map((step: { name: string; status: string }) => `${step.name} ${step.status}`)).toEqual([
      'resolve passed',
      'tcp passed',
      'tls passed',
      'authenticate passed',
      'version passed',
      'permissions passed',
    ]);
    const readiness = await harness.call('GET', `${PROVIDERS}/${good.id}/readiness`);
    expect(readiness.body).toMatchObject({ ready: true, missing_prereqs: [] });
    const { body: bad } = await create(tokenConfig('wrong-token'));
    const failed = await harness.call('POST', `${PROVIDERS}/${bad.id}/test-connection`);
    expect(failed.body.passed).toBe(false);
    expect(failed.body.steps[3]).toMatchObject({ name: 'authenticate', status: 'failed' });
    expect(failed.text).not.toContain('wrong-token');
    const health = await harness.call('GET', `${PROVIDERS}/${good.id}/health`);
    expect(health.body).toMatchObject({ verdict: 'unknown', conditions: [], first_loss_at: null });
  });

  it('mirror IF_BUILD_TEKTON_KUBECONFIG once, read-only, usable by every tenant without a grant', async () => {
    const path = join(directory, 'kubeconfig');
    await writeFile(
      path,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'c',
        clusters: [{ name: 'c', cluster: { server: 'https://k.example' } }],
        users: [{ name: 'u', user: { token: 'canary' } }],
        contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      }),
    );
    const own = await ApiHarness.start({ tektonKubeconfigPath: path });
    try {
      const { body } = await own.call('GET', PROVIDERS);
      expect(body.items).toMatchObject([{ name: 'environment', source: 'environment', is_global: false }]);
      const [provider] = body.items;
      const patch = (config: object) => own.call('PATCH', `${PROVIDERS}/${provider.id}`, { body: { config } });
      expectProblem(await patch({ kubeconfig_path: '/etc/other' }), 409, 'ProviderReadOnly');
      expect((await patch({ storage_class: 'fast' })).status).toBe(200);
      const database = Database.create({ url: own.database.url, poolSize: 1, applicationName: 'mirror-test' });
      await database.connect();
      const { id, name } = provider as { id: string; name: string };
      const config = { auth_method: 'kubeconfig', kubeconfig_path: '/etc/moved' };
      const row = { id, name, type: 'kubernetes', source: 'environment', isGlobal: false, config } as const;
      expect(await new PostgresMirroredProviders(database).mirror(row)).toBe('mirrored');
      await database.close();
      expect((await own.call('GET', `${PROVIDERS}/${id}`)).body.config).toEqual({ ...config, storage_class: 'fast' });
      await own.sql.query(`UPDATE providers SET health = 'healthy', tekton_answers = true`);
      const tenantId = await own.createTenant();
      const answer = await own.call('POST', `${API_BASE}/builds/validate`, {
        tenantId,
        body: { project_id: await own.createProject(tenantId), build_method: 'kaniko' },
      });
      expect(answer.body.placement.chosen).toMatchObject({ name: 'environment', basis: 'environment' });
    } finally {
      await own.stop();
    }
  });

  it('leave an audit event for every change, without secrets', async () => {
    const { body } = await create(tokenConfig('audit-canary-token'));
    await harness.call('PATCH', `${PROVIDERS}/${body.id}`, {
      body: { region: 'us', config: { token: 'audit-canary-two' } },
    });
    await harness.call('PATCH', `${PROVIDERS}/${body.id}/status`, { body: { status: 'cordoned' } });
    await harness.call('DELETE', `${PROVIDERS}/${body.id}`);
    const events = await harness.call('GET', `${API_BASE}/admin/audit-events?object_id=${body.id}`);
    expect(events.body.items.map((item: { action: string }) => item.action)).toEqual([
      'provider.delete',
      'provider.status',
      'provider.change',
      'provider.create',
    ]);
    expect(events.body.items[2]).toMatchObject({
      actor: 'user:bootstrap-admin',
      before: { region: null },
      after: { region: 'us' },
    });
    expect(events.text).not.toContain('audit-canary');
    await harness.sql.query('DELETE FROM audit_events');
    expect((await harness.call('GET', `${API_BASE}/admin/audit-events?object_id=${body.id}`)).body.items).toHaveLength(
      4,
    );
  });

  it('pause and resume dispatching, and show dispatchers with their numbers', async () => {
    await harness.sql.query(
      `INSERT INTO dispatchers (id, host, version, slots, lease_until, metrics) VALUES
        (gen_random_uuid(), 'a', '0.1.0', 50, now() + interval '1 minute', '{"claims": 3, "dispatch_latency_ms": 5, "note": "x"}'),
        (gen_random_uuid(), 'b', '0.1.0', 50, now() - interval '1 minute', '{"claims": 4, "dispatch_latency_ms": 9}')`,
    );
    const metrics = await harness.call('GET', `${API_BASE}/admin/dispatcher/metrics`);
    expect(metrics.body).toMatchObject({
      claims: 7,
      dispatches: 0,
      claim_errors: 0,
      requeues: 0,
      skipped_for_limit: 0,
      dispatch_latency_ms: 9,
    });
    const paused = await harness.call('POST', `${API_BASE}/admin/dispatcher/pause`, { body: { reason: 'upgrade' } });
    expect(paused.body).toEqual({ paused: true, reason: 'upgrade' });
    const tenantId = await harness.createTenant();
    const { body: build } = await harness.submit(tenantId, await harness.createProject(tenantId));
    const shown = await harness.call('GET', `${API_BASE}/builds/${build.id}`, { tenantId });
    expect(shown.body.queue.binds.reason).toBe('DispatchPaused');
    const status = await harness.call('GET', `${API_BASE}/admin/dispatcher/status`);
    expect(
      status.body.dispatchers.map((one: { host: string; state: string }) => `${one.host} ${one.state}`).sort(),
    ).toEqual(['a running', 'b lost']);
    expect((await harness.call('POST', `${API_BASE}/admin/dispatcher/resume`)).body).toEqual({
      paused: false,
      reason: null,
    });
    const queue = await harness.call('GET', `${API_BASE}/admin/queue?limit=100`);
    expect(queue.body.items.find((item: { tenant_id: string }) => item.tenant_id === tenantId)).toMatchObject({
      queued: 1,
      running: 0,
    });
  });
});
