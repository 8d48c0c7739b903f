import {
  DomainError,
  type DueProbe,
  type ProbeRecord,
  type Provider,
  type ProviderCredential,
  type ProviderHealth,
  ProviderRepository,
  type Secret,
  type WatchStaleness,
} from '@image-factory/domain';
import type { Database } from '../database/database.js';
import type { SecretCipher } from '../secret/secret-cipher.js';
import { CLAIM_DUE_PROBES, RECORD_WATCH_STALENESS } from './probe-statements.js';
import {
  PROVIDER_SELECT,
  type ProviderDetail,
  type ProviderRow,
  type StoredSettings,
  toProviderDetail,
} from './provider-row.js';
import { openSecrets } from './provider-secrets.js';
import { recordProbe } from './record-probe.js';

interface CredentialRow {
  generation: number;
  credential_version: number;
  settings: StoredSettings;
  credential_sealed: Buffer | null;
  credential_key_id: string | null;
}

/** Stored providers as the registry, placement and probes read them. */
export class PostgresProviderRepository extends ProviderRepository {
  constructor(
    private readonly database: Database,
    private readonly cipher: SecretCipher,
  ) {
    super();
  }

  async list(): Promise<readonly Provider[]> {
    const rows = await this.database.query<ProviderRow>(`${PROVIDER_SELECT} ORDER BY p.name`);
    return rows.map(toProviderDetail);
  }

  async find(providerId: string): Promise<ProviderDetail | undefined> {
    const [row] = await this.database.query<ProviderRow>(`${PROVIDER_SELECT} WHERE p.id = $1`, [providerId]);
    return row === undefined ? undefined : toProviderDetail(row);
  }

  /** Notes the use at most once a minute. */
  async openCredential(providerId: string): Promise<ProviderCredential> {
    const [row] = await this.database.query<CredentialRow & { stale: boolean }>(
      `SELECT generation, credential_version, settings, credential_sealed, credential_key_id,
              coalesce(credential_last_used_at < now() - interval '1 minute', true) AS stale
         FROM providers WHERE id = $1`,
      [providerId],
    );
    if (row === undefined) throw providerNotFound(providerId);
    if (row.stale)
      await this.database.query('UPDATE providers SET credential_last_used_at = now() WHERE id = $1', [providerId]);
    const fields: Record<string, string | Secret> = {};
    for (const [field, value] of Object.entries(row.settings)) {
      if (typeof value === 'string') fields[field] = value;
    }
    Object.assign(fields, openSecrets(this.cipher, providerId, row.credential_sealed, row.credential_key_id));
    return { providerId, generation: row.generation, version: row.credential_version, fields };
  }

  /** Ids of providers that are granted to the tenant now. */
  async grantedProviderIds(tenantId: string): Promise<ReadonlySet<string>> {
    const rows = await this.database.query<{ provider_id: string }>(
      'SELECT provider_id FROM provider_permissions WHERE tenant_id = $1 AND (expires_at IS NULL OR expires_at > now())',
      [tenantId],
    );
    return new Set(rows.map((row) => row.provider_id));
  }

  async claimDueProbes(
    proberId: string,
    limits: { readonly intervalMs: number; readonly detailMs: number; readonly most: number },
  ): Promise<readonly DueProbe[]> {
    const rows = await this.database.query<DueRow>(CLAIM_DUE_PROBES, [
      proberId,
      limits.intervalMs,
      limits.detailMs,
      limits.most,
    ]);
    return rows.map((row) => ({
      providerId: row.id,
      shown: { verdict: row.health, tektonAnswers: row.tekton_answers, streak: row.health_streak },
      detailed: row.detailed,
    }));
  }

  async recordProbe(record: ProbeRecord): Promise<'recorded' | 'superseded'> {
    return recordProbe(this.database, record);
  }

  async recordWatchStaleness({ stale, afterMs }: WatchStaleness): Promise<void> {
    const message = `A watch on the cluster has proved nothing for ${Math.round(afterMs / 1000)} seconds or more.`;
    await this.database.query(RECORD_WATCH_STALENESS, [stale, message]);
  }
}

interface DueRow {
  readonly id: string;
  readonly health: ProviderHealth;
  readonly tekton_answers: boolean;
  readonly health_streak: number;
  readonly detailed: boolean;
}

/** The one wording for a provider that is not there. */
export function providerNotFound(providerId: string): DomainError {
  return new DomainError({
    kind: 'NotFound',
    reason: 'ProviderNotFound',
    message: `there is no provider ${providerId}`,
  });
}
