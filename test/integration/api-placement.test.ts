import { randomUUID } from 'node:crypto';
import { boundedDecision, chooseProvider } from '@image-factory/domain';
import {
  Database,
  generateEncryptionKeys,
  parseEncryptionKeys,
  PlacementFactsReader,
  PostgresPlacementHistory,
  PostgresProviderRepository,
  SecretCipher,
} from '@image-factory/persistence';
import { systemClock } from '@image-factory/telemetry';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ApiHarness, type Answer } from './api-support.ts';

const BUILDS = '/api/v1/builds';
const SIMULATE = '/api/v1/admin/placements/simulate';

interface ProviderFields {
  readonly global?: boolean;
  readonly state?: string;
  readonly health?: string;
  readonly capabilities?: string[];
  readonly labels?: Record<string, string>;
  readonly region?: string;
  readonly limit?: number;
}

describe('the placement of a build', () => {
  let harness: ApiHarness;
  let tenantId: string;
  let projectId: string;
  let developer: string;

  beforeAll(async () => {
    harness = await ApiHarness.start();
    tenantId = await harness.createTenant();
    projectId = await harness.createProject(tenantId);
    developer = await harness.createKey('developer', tenantId);
  });
  afterAll(() => harness.stop());
  beforeEach(async () => {
    await harness.sql.query('DELETE FROM providers');
  });

  const provider = async (name: string, fields: ProviderFields = {}): Promise<string> => {
    const id = randomUUID();
    await harness.sql.query(
      `INSERT INTO providers (id, name, provider_type, is_global, state, health, tekton_answers, capabilities, labels,
         region, max_concurrent_builds)
       VALUES ($1, $2, 'kubernetes', $3, $4, $5, true, $6, $7, $8, $9)`,
      [
        id,
        name,
        fields.global ?? true,
        fields.state ?? 'enabled',
        fields.health ?? 'healthy',
        fields.capabilities ?? [],
        JSON.stringify(fields.labels ?? {}),
        fields.region ?? null,
        fields.limit ?? 0,
      ],
    );
    return id;
  };
  const validate = (fields: Record<string, unknown> = {}, key?: string): Promise<Answer> =>
    harness.call('POST', `${BUILDS}/validate`, {
      tenantId,
      body: { project_id: projectId, build_method: 'kaniko', ...fields },
      ...(key === undefined ? {} : { key }),
    });
  const simulate = (fields: Record<string, unknown> = {}): Promise<Answer> =>
    harness.call('POST', SIMULATE, { body: { tenant_id: tenantId, build_method: 'kaniko', ...fields } });

  it('names every requirement that is wrong', async () => {
    const answer = await harness.submit(tenantId, projectId, {
      requirements: {
        architecture: 'sparc',
        os: 'plan9',
        gpu: 'yes',
        capabilities: ['arm64', 'arm64', '-'],
        labels: { 'a b': 'x', ok: '-' },
        region: '',
        preferred_region: 5,
        speed: 'fast',
      },
    });
    expect(answer).toMatchObject({ status: 400, body: { code: 'ValidationFailed' } });
    expect(new Set(answer.body.errors.map((error: { path: string }) => error.path))).toEqual(
      new Set([
        'requirements.architecture',
        'requirements.os',
        'requirements.gpu',
        'requirements.capabilities[1]',
        'requirements.capabilities[2]',
        'requirements.labels["a b"]',
        'requirements.labels["ok"]',
        'requirements.region',
        'requirements.preferred_region',
        'requirements.speed',
      ]),
    );
  });

  it('is stored with what the build asks for, and shows it', async () => {
    await provider('arm', { capabilities: ['arm64'], labels: { environment: 'production' } });
    const requirements = { capabilities: ['arm64'], labels: { environment: 'production' }, preferred_region: 'eu' };
    const { body } = await harness.submit(tenantId, projectId, { requirements });
    expect(body.requirements).toMatchObject({ ...requirements, architecture: null, gpu: false, cpu: null });
  });

  it.each([
    ['ArchitectureMissing', 'requirements.architecture', { requirements: { architecture: 's390x' } }],
    ['OperatingSystemMissing', 'requirements.os', { requirements: { os: 'windows' } }],
    ['GpuMissing', 'requirements.gpu', { requirements: { gpu: true } }],
    ['CapabilityMissing', 'requirements.capabilities', { requirements: { capabilities: ['fast-disk'] } }],
    ['LabelMismatch', 'requirements.labels', { requirements: { labels: { environment: 'staging' } } }],
    ['RegionMismatch', 'requirements.region', { requirements: { region: 'mars' } }],
    ['MethodNotSupported', 'build_method', { build_method: 'buildx' }],
  ])('is refused with %s when no provider could ever take it', async (code, path, fields) => {
    await provider('amd', { capabilities: ['amd64'], labels: { environment: 'production' }, region: 'eu' });
    await provider('other', { capabilities: ['arm64'], region: 'us', state: 'cordoned' });
    const submitted = await harness.submit(tenantId, projectId, fields);
    expect(submitted).toMatchObject({ status: 400, body: { code, errors: [{ path }] } });
    expect(submitted.body.errors[0].message).toContain('cannot be satisfied');
    expect((await validate(fields)).body).toMatchObject({ valid: false, errors: [{ path }] });
    expect((await simulate(fields)).body).toMatchObject({ chosen: null, errors: [{ path }] });
  });

  it('is refused when each requirement has its provider and none has both', async () => {
    await provider('arm', { capabilities: ['arm64'], region: 'eu' });
    await provider('gpu', { capabilities: ['gpu'], region: 'us' });
    const requirements = { architecture: 'arm64', region: 'us' };
    const { body } = await harness.submit(tenantId, projectId, { requirements });
    expect(body.errors.map((error: { path: string }) => error.path).sort()).toEqual([
      'requirements.architecture',
      'requirements.region',
    ]);
    expect(body.errors[0].message).toContain('together with the other requirements');
  });

  it.each([
    ['cordoned', { state: 'cordoned' }],
    ['unhealthy', { health: 'unhealthy' }],
  ])('waits for the one that could take it while that is %s', async (_what, fields) => {
    await provider('arm', { capabilities: ['arm64'], ...fields });
    await provider('amd', { capabilities: ['amd64'] });
    const requirements = { capabilities: ['arm64'] };
    expect((await harness.submit(tenantId, projectId, { requirements })).status).toBe(201);
    const { body } = await validate({ requirements });
    expect(body).toMatchObject({ valid: true, placement: { chosen: null } });
    expect(body.placement.rejected).toHaveLength(2);
  });

  it('is kept from capabilities that the tenant may not ask for', async () => {
    const limited = await harness.createTenant({ capabilities: ['arm64'] });
    const project = await harness.createProject(limited);
    await provider('all', { capabilities: ['arm64', 'gpu'] });
    const ask = (requirements: object) => harness.submit(limited, project, { requirements });
    expect((await ask({ capabilities: ['arm64'] })).status).toBe(201);
    for (const [path, requirements] of [
      ['requirements.capabilities[1]', { capabilities: ['arm64', 'gpu'] }],
      ['requirements.gpu', { gpu: true }],
    ] as const) {
      expect(await ask(requirements)).toMatchObject({
        status: 400,
        body: { code: 'CapabilityNotAllowedForTenant', errors: [{ path }] },
      });
    }
  });

  it('is the same by validate, by simulate and by a dispatcher', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await provider(name, { limit: 10, capabilities: ['arm64'] });
    await provider('full', { limit: 0, state: 'draining' });
    await provider('hidden', { global: false });
    const database = Database.create({ url: harness.database.url, poolSize: 2, applicationName: 'test' });
    await database.connect();
    const cipher = new SecretCipher(parseEncryptionKeys(generateEncryptionKeys()));
    const reader = new PlacementFactsReader(
      new PostgresProviderRepository(database, cipher),
      new PostgresPlacementHistory(database),
      systemClock,
    );
    const asked = { project_id: projectId, requirements: { capabilities: ['arm64'] } };
    const placed = boundedDecision(
      chooseProvider(
        {
          tenantId,
          projectId,
          buildMethod: 'kaniko',
          infrastructureType: 'kubernetes',
          requirements: { capabilities: ['arm64'], labels: {} },
          resources: { cpuMillis: 1_000, memoryBytes: 2 ** 31 },
          registry: 'registry.example',
        },
        await reader.read(tenantId),
      ),
    );
    await database.close();
    const validated = (await validate(asked)).body.placement;
    const { errors, ...simulated } = (await simulate(asked)).body;
    expect(errors).toEqual([]);
    expect(simulated).toEqual(validated);
    expect(validated.chosen).toMatchObject({ name: placed.chosen?.name, score: placed.chosen?.score });
    expect(validated.candidates.map((one: { name: string }) => one.name)).toEqual(
      placed.candidates.map(({ name }) => name),
    );
    expect(validated.rejected.map((one: { name: string }) => one.name).sort()).toEqual(['full', 'hidden']);
    expect(placed.candidates).toHaveLength(5);
  });

  it('tells a tenant nothing of providers that are not granted to it, whether decided now or stored', async () => {
    const own = await provider('own');
    const hidden: string[] = [];
    for (let index = 0; index < 120; index += 1) hidden.push(await provider(`hidden-${index}`, { global: false }));
    const asTenant = await validate({}, developer);
    expect(asTenant.body.placement).toMatchObject({ chosen: { provider_id: own }, rejected: [], rejected_more: [] });
    const asAdmin = (await validate()).body.placement;
    expect(asAdmin.rejected).toHaveLength(100);
    expect(asAdmin.rejected_more).toMatchObject([{ reason: 'ProviderNotGranted', count: 20 }]);

    const { body: build } = await harness.submit(tenantId, projectId);
    const named = hidden.map((providerId) => ({ providerId, name: 'x', reason: 'ProviderNotGranted', message: '' }));
    const decision = {
      chosen: { providerId: own, name: 'own', basis: 'is_global', score: 1, parts: {}, overShare: false },
      candidates: [],
      rejected: named.slice(0, 2),
      more: [{ reason: 'ProviderNotGranted', count: 118, providerIds: hidden.slice(2) }],
    };
    await harness.sql.query(
      `INSERT INTO placement_decisions (execution_id, build_id, attempt, decision) VALUES (gen_random_uuid(), $1, 1, $2)`,
      [build.id, JSON.stringify(decision)],
    );
    const path = `${BUILDS}/${build.id}/placement`;
    const stored = await harness.call('GET', path, { tenantId, key: developer });
    expect(stored.body.items).toMatchObject([{ attempt: 1, rejected: [], rejected_more: [] }]);
    for (const id of hidden) expect(stored.text).not.toContain(id);
    expect((await harness.call('GET', path, { tenantId })).body.items[0].rejected).toHaveLength(2);
  });

  it('goes by a breaker only when every living dispatcher has it open', async () => {
    const id = await provider('held');
    const beat = (open: readonly string[], state = 'running', lease = '1 minute') =>
      harness.sql.query(
        `INSERT INTO dispatchers (id, host, version, slots, state, lease_until, metrics)
         VALUES (gen_random_uuid(), 'h', '1', 1, $1, now() + $2::interval, $3)`,
        [state, lease, JSON.stringify({ open_breakers: open })],
      );
    const chosen = async () => (await simulate()).body.chosen?.name;
    try {
      expect(await chosen()).toBe('held');
      await beat([id]);
      await beat([], 'running', '-1 minute');
      await beat([], 'stopped');
      expect(await chosen()).toBeUndefined();
      expect((await simulate()).body.rejected).toMatchObject([{ name: 'held', reason: 'BreakerOpen' }]);
      expect((await validate({}, developer)).body.placement.rejected).toMatchObject([{ reason: 'BreakerOpen' }]);
      await beat([randomUUID()]);
      expect(await chosen()).toBe('held');
    } finally {
      await harness.sql.query('DELETE FROM dispatchers');
    }
  });

  it('that is simulated may be of any tenant, with or without a project, and is refused for one that is not there', async () => {
    await provider('a');
    expect((await simulate()).body.chosen).toMatchObject({ name: 'a', basis: 'is_global', over_share: false });
    expect((await simulate()).body.chosen.score_parts).not.toHaveProperty('warmth');
    expect((await simulate({ project_id: projectId })).body.chosen.score_parts).toMatchObject({ warmth: 1 });
    expect((await simulate({ tenant_id: randomUUID() })).status).toBe(404);
    expect((await simulate({ project_id: randomUUID() })).status).toBe(404);
    expect((await simulate({ tenant_id: 'x', surprise: 1 })).body.errors).toHaveLength(2);
    const before = await harness.sql.query('SELECT count(*) FROM builds');
    await simulate({ project_id: projectId });
    expect((await harness.sql.query('SELECT count(*) FROM builds')).rows).toEqual(before.rows);
  });
});
