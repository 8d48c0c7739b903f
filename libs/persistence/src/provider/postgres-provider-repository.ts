import {
  DomainError,
  type ProbeRecord,
  type Provider,
  type ProviderCredential,
  ProviderRepository,
  type Secret,
} from '@image-factory/domain';
import type { Database } from '../database/database.js';
import type { SecretCipher } from '../secret/secret-cipher.js';
import {
  PROVIDER_SELECT,
  type ProviderDetail,
  type ProviderRow,
  type StoredSettings,
  toProviderDetail,
} from './provider-row.js';
import { openSecrets } from './provider-secrets.js';

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

  /** Locks the taken rows and skips locked ones. Disabled providers are left alone. */
  async claimDueProbes(proberId: string, intervalMs: number, limit: number): Promise<readonly string[]> {
    const rows = await this.database.query<{ id: string }>(
      `UPDATE providers SET probe_owner = $1, probe_due_at = now() + make_interval(secs => $2 / 1000.0)
        WHERE id IN (SELECT id FROM providers
                      WHERE probe_due_at <= now() AND state <> 'disabled'
                      ORDER BY probe_due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
        RETURNING id`,
      [proberId, intervalMs, limit],
    );
    return rows.map((row) => row.id);
  }

  async recordProbe(record: ProbeRecord): Promise<void> {
    await this.database.transaction(async (tx) => {
      await tx.query(
        `UPDATE providers SET health = $2, tekton_answers = $3, probed_at = now(),
                first_loss_at = CASE WHEN $4 THEN coalesce(first_loss_at, now()) END,
                cluster_uid = coalesce($5, cluster_uid), last_probe = $6
          WHERE id = $1`,
        [
          record.providerId,
          record.verdict,
          record.tektonAnswers,
          record.lost,
          record.clusterUid ?? null,
          JSON.stringify(record.facts),
        ],
      );
      for (const condition of record.conditions) {
        await tx.query(
          `INSERT INTO provider_conditions (provider_id, type, status, reason, message, last_transition_at)
           SELECT $1, $2, $3, $4, $5, now() WHERE EXISTS (SELECT 1 FROM providers WHERE id = $1)
           ON CONFLICT (provider_id, type) DO UPDATE SET
             status = excluded.status, reason = excluded.reason, message = excluded.message,
             last_transition_at = CASE WHEN provider_conditions.status = excluded.status
                                       THEN provider_conditions.last_transition_at ELSE now() END`,
          [record.providerId, condition.type, condition.status, condition.reason, condition.message],
        );
      }
    });
  }

  async recordWatchFreshness(providerId: string, fresh: boolean): Promise<void> {
    await this.database.query('UPDATE providers SET watch_fresh = $2 WHERE id = $1 AND watch_fresh <> $2', [
      providerId,
      fresh,
    ]);
  }
}

/** The one wording for a provider that is not there. */
export function providerNotFound(providerId: string): DomainError {
  return new DomainError({
    kind: 'NotFound',
    reason: 'ProviderNotFound',
    message: `there is no provider ${providerId}`,
  });
}
