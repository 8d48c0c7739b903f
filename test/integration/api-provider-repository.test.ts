import { randomUUID } from 'node:crypto';
import { type ProbeRecord, type Secret } from '@image-factory/domain';
import {
  Database,
  generateEncryptionKeys,
  parseEncryptionKeys,
  PostgresBuildQueue,
  PostgresProbes,
  PostgresProviderPermissions,
  PostgresProviderRepository,
  PostgresProviders,
  PostgresTenants,
  SecretCipher,
} from '@image-factory/persistence';
import { createTestDatabase, providerProbesContract, type TestDatabase } from '@image-factory/test-support';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const LIMITS = { intervalMs: 30_000, detailMs: 300_000, most: 100 };

describe('stored providers', () => {
  let test: TestDatabase;
  let database: Database;
  let repository: PostgresProviderRepository;
  let providers: PostgresProviders;

  beforeAll(async () => {
    test = await createTestDatabase();
    database = Database.create({ url: test.url, poolSize: 6, applicationName: 'test' });
    await database.connect();
    const cipher = new SecretCipher(parseEncryptionKeys(generateEncryptionKeys()));
    repository = new PostgresProviderRepository(database, cipher);
    providers = new PostgresProviders(database, cipher);
  });
  afterAll(async () => {
    await database.close();
    await test.drop();
  });

  const create = async (
    config: Record<string, unknown> = { auth_method: 'token', endpoint: 'https://k.example', token: 'secret' },
  ) => database.transaction((tx) => providers.create(tx, { name: `p ${randomUUID()}`, type: 'kubernetes', config }));

  function record(providerId: string, proberId: string, more: Partial<ProbeRecord> = {}): ProbeRecord {
    const condition = { type: 'ApiResponsive', status: 'False' as const, reason: 'ApiSlow', message: 'slow' };
    return {
      providerId,
      proberId,
      generation: 1,
      seen: 'degraded',
      because: condition,
      shown: { verdict: 'degraded', tektonAnswers: true, streak: 0 },
      conditions: [{ ...condition, lastTransitionTime: new Date(0) }],
      lost: false,
      detailed: false,
      clusterUid: 'uid-1',
      credentialExpiresAt: new Date('2030-01-01T00:00:00Z'),
      latencyMs: {},
      facts: {},
      againInMs: undefined,
      ...more,
    };
  }

  providerProbesContract({ describe, it, expect, beforeEach, afterEach }, 'PostgresProviderRepository', async () => {
    await database.query('DELETE FROM providers');
    return {
      repository,
      addProvider: async () => (await create()).id,
      changeProvider: async (id) => {
        await database.query('UPDATE providers SET generation = generation + 1 WHERE id = $1', [id]);
      },
      passTime: async (ms) => {
        await database.query(
          `UPDATE providers SET probe_due_at = probe_due_at - make_interval(secs => $1 / 1000.0),
                  detail_probed_at = detail_probed_at - make_interval(secs => $1 / 1000.0)`,
          [ms],
        );
      },
    };
  });

  it('give a credential with plain and secret fields together, by generation', async () => {
    const provider = await create();
    const credential = await repository.openCredential(provider.id);
    expect(credential).toMatchObject({
      generation: 1,
      version: 1,
      fields: { auth_method: 'token', endpoint: 'https://k.example' },
    });
    expect((credential.fields['token'] as Secret).reveal()).toBe('secret');
    await expect(repository.openCredential(randomUUID())).rejects.toMatchObject({ reason: 'ProviderNotFound' });
  });

  it('are probed by one prober in an interval, whoever asks at once', async () => {
    const created = await Promise.all(Array.from({ length: 6 }, () => create()));
    const claims = await Promise.all(Array.from({ length: 4 }, () => repository.claimDueProbes(randomUUID(), LIMITS)));
    const ids = claims.flat().map((one) => one.providerId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const provider of created) expect(ids).toContain(provider.id);
    expect(await repository.claimDueProbes(randomUUID(), LIMITS)).toEqual([]);
  });

  it('are probed at times that spread by a tenth of the interval', async () => {
    await Promise.all(Array.from({ length: 40 }, () => create()));
    await database.query('UPDATE providers SET probe_due_at = now()');
    await repository.claimDueProbes(randomUUID(), LIMITS);
    const [row] = await database.query<{ least: number; most: number }>(
      `SELECT extract(epoch FROM min(probe_due_at) - now())::float AS least,
              extract(epoch FROM max(probe_due_at) - now())::float AS most FROM providers`,
    );
    expect(row!.least).toBeGreaterThan(26);
    expect(row!.most).toBeLessThan(34);
    expect(row!.most - row!.least).toBeGreaterThan(1);
  });

  it('keep so many of their last probes, newest first, with what explains each', async () => {
    const { id } = await create();
    const prober = randomUUID();
    await repository.claimDueProbes(prober, LIMITS);
    const probes = new PostgresProbes(database);
    for (let index = 0; index < 62; index += 1) {
      const latencyMs = index === 61 ? {} : { version: index };
      expect(await repository.recordProbe(record(id, prober, { latencyMs }))).toBe('recorded');
    }
    const last = await probes.last(id);
    expect(last.map((one) => one.versionMs)).toEqual([
      undefined,
      ...Array.from({ length: 59 }, (_unused, index) => 60 - index),
    ]);
    expect(last[0]).toMatchObject({ verdict: 'degraded', reason: 'ApiSlow', message: 'slow' });
    expect((await repository.find(id))?.credential.expiresAt).toEqual(new Date('2030-01-01T00:00:00Z'));
  });

  it('are granted until the grant ends', async () => {
    const tenants = new PostgresTenants(database, new PostgresBuildQueue(database));
    const tenant = await database.transaction((tx) => tenants.create(tx, { name: 't' }));
    const [open, ended] = [await create(), await create()];
    const permissions = new PostgresProviderPermissions(database);
    await database.transaction(async (tx) => {
      const grant = { tenantId: tenant.id, grantedBy: 'test' };
      await permissions.grant(tx, { ...grant, providerId: open.id, expiresAt: undefined });
      await permissions.grant(tx, { ...grant, providerId: ended.id, expiresAt: new Date(0) });
    });
    expect(await repository.grantedProviderIds(tenant.id)).toEqual(new Set([open.id]));
  });
});
