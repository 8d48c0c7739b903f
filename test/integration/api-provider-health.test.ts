import { randomUUID } from 'node:crypto';
import { API_BASE } from '@image-factory/api';
import {
  Database,
  generateEncryptionKeys,
  parseEncryptionKeys,
  PostgresProviderRepository,
  SecretCipher,
} from '@image-factory/persistence';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiHarness } from './api-support.ts';

const PROVIDERS = `${API_BASE}/admin/infrastructure/providers`;

describe('the health of a provider', () => {
  let harness: ApiHarness;
  let database: Database;
  let repository: PostgresProviderRepository;

  beforeAll(async () => {
    harness = await ApiHarness.start();
    database = Database.create({ url: harness.database.url, poolSize: 2, applicationName: 'prober' });
    await database.connect();
    repository = new PostgresProviderRepository(
      database,
      new SecretCipher(parseEncryptionKeys(generateEncryptionKeys())),
    );
  });
  afterAll(async () => {
    await database.close();
    await harness.stop();
  });

  async function create(): Promise<{ id: string }> {
    const config = { auth_method: 'token', endpoint: 'https://k.example', token: 'a-token' };
    const body = { name: `cluster ${randomUUID()}`, provider_type: 'kubernetes', config };
    return (await harness.call('POST', PROVIDERS, { body })).body as { id: string };
  }

  it('is shown as probes and dispatchers left it, with what explains the verdict', async () => {
    const provider = await create();
    const [proberId, slow] = [randomUUID(), 'The version was answered in 2500 ms; up to 2000 ms is good.'];
    await database.query('UPDATE providers SET probe_owner = $1 WHERE id = $2', [proberId, provider.id]);
    const condition = { type: 'ApiResponsive', status: 'False' as const, reason: 'ApiSlow', message: slow };
    await repository.recordProbe({
      providerId: provider.id,
      proberId,
      generation: 1,
      seen: 'degraded',
      because: condition,
      shown: { verdict: 'degraded', tektonAnswers: true, streak: 0 },
      conditions: [{ ...condition, lastTransitionTime: new Date() }],
      lost: false,
      detailed: false,
      clusterUid: 'uid-1',
      credentialExpiresAt: new Date('2030-01-01T00:00:00Z'),
      latencyMs: { version: 2_500, tekton: 8 },
      facts: { kubernetes_version: 'v1.36.3' },
      againInMs: undefined,
    });
    await database.query(
      `INSERT INTO dispatchers (id, host, version, slots, lease_until, metrics)
       VALUES (gen_random_uuid(), 'h', '1', 1, now() + interval '1 minute', $1)`,
      [JSON.stringify({ watch_ages_ms: { [provider.id]: 4_200 }, connections: { [provider.id]: 'in_use' } })],
    );
    const { body: health } = await harness.call('GET', `${PROVIDERS}/${provider.id}/health`);
    expect(health).toMatchObject({
      verdict: 'degraded',
      reason: 'ApiSlow',
      message: slow,
      tekton_answers: true,
      watch_age_seconds: 4.2,
      cluster_uid: 'uid-1',
      api_latency: { probes: 1, p50_ms: 2_500, p99_ms: 2_500 },
      last_probes: [{ verdict: 'degraded', reason: 'ApiSlow', version_ms: 2_500, tekton_ms: 8, nodes_ms: null }],
      dispatchers: [{ watch_age_seconds: 4.2, connection: 'in_use' }],
    });
    const { body: shown } = await harness.call('GET', `${PROVIDERS}/${provider.id}`);
    expect(shown).toMatchObject({ health: 'degraded', credential: { expires_at: '2030-01-01T00:00:00.000Z' } });
  });

  it('is degraded with the reason while a watch is stale, although probes find nothing', async () => {
    const { id } = await create();
    await database.query(`UPDATE providers SET health = 'healthy', tekton_answers = true WHERE id = $1`, [id]);
    await repository.recordWatchStaleness({ stale: [id], afterMs: 120_000 });
    const { body } = await harness.call('GET', `${PROVIDERS}/${id}/health`);
    expect(body).toMatchObject({ verdict: 'degraded', reason: 'WatchStale', watch_fresh: false });
    expect(body.conditions).toMatchObject([{ type: 'WatchFresh', status: 'False' }]);
    await repository.recordWatchStaleness({ stale: [], afterMs: 120_000 });
    expect((await harness.call('GET', `${PROVIDERS}/${id}/health`)).body).toMatchObject({
      verdict: 'healthy',
      reason: null,
      watch_fresh: true,
    });
  });
});
