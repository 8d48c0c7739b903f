import { randomUUID } from 'node:crypto';
import { type ProbeRecord, type Secret } from '@image-factory/domain';
import {
  Database,
  generateEncryptionKeys,
  parseEncryptionKeys,
  PostgresBuildQueue,
  PostgresProviderPermissions,
  PostgresProviderRepository,
  PostgresProviders,
  PostgresTenants,
  SecretCipher,
} from '@image-factory/persistence';
import { createTestDatabase, type TestDatabase } from '@image-factory/test-support';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

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

  function record(providerId: string, more: Partial<ProbeRecord> = {}): ProbeRecord {
    const condition = {
      type: 'Ready',
      status: 'True' as const,
      reason: 'Ok',
      message: 'fine',
      lastTransitionTime: new Date(0),
    };
    return {
      providerId,
      verdict: 'healthy',
      tektonAnswers: true,
      conditions: [condition],
      lost: false,
      clusterUid: 'uid-1',
      facts: { version: 'v1.35' },
      ...more,
    };
  }

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

  it('keep the first loss over failed probes, and forget it at the first answer', async () => {
    const { id } = await create();
    await repository.recordProbe(record(id, { verdict: 'unhealthy', lost: true, clusterUid: undefined }));
    const first = (await repository.find(id))?.health.firstLossAt;
    await repository.recordProbe(record(id, { verdict: 'unhealthy', lost: true, clusterUid: undefined }));
    expect((await repository.find(id))?.health.firstLossAt).toEqual(first);
    await repository.recordProbe(record(id));
    expect(await repository.find(id)).toMatchObject({
      clusterUid: 'uid-1',
      health: { verdict: 'healthy', firstLossAt: undefined },
    });
    await repository.recordProbe(record(id, { clusterUid: undefined }));
    expect((await repository.find(id))?.clusterUid).toBe('uid-1');
  });

  it('keep the time of a condition while its status is the same', async () => {
    const { id } = await create();
    const at = async (): Promise<Date | undefined> =>
      (await repository.find(id))?.health.conditions[0]?.lastTransitionTime;
    await repository.recordProbe(record(id));
    const first = await at();
    await repository.recordProbe(record(id));
    expect(await at()).toEqual(first);
    const [condition] = record(id).conditions;
    await repository.recordProbe(record(id, { conditions: [{ ...condition!, status: 'False' }] }));
    expect((await at())!.getTime()).toBeGreaterThan(first!.getTime());
  });

  it('are degraded while their watch is stale', async () => {
    const { id } = await create();
    await repository.recordProbe(record(id));
    await repository.recordWatchFreshness(id, false);
    expect((await repository.find(id))?.health).toMatchObject({ verdict: 'degraded', watchFresh: false });
    await repository.recordWatchFreshness(id, true);
    expect((await repository.find(id))?.health.verdict).toBe('healthy');
  });

  it('are probed by one prober in an interval, whoever asks at once', async () => {
    const created = await Promise.all(Array.from({ length: 6 }, () => create()));
    const claims = await Promise.all(
      Array.from({ length: 4 }, () => repository.claimDueProbes(randomUUID(), 60_000, 100)),
    );
    const ids = claims.flat();
    expect(new Set(ids).size).toBe(ids.length);
    for (const provider of created) expect(ids).toContain(provider.id);
    expect(await repository.claimDueProbes(randomUUID(), 60_000, 100)).toEqual([]);
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
