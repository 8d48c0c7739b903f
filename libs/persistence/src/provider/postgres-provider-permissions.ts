import { DomainError } from '@image-factory/domain';
import type { Database } from '../database/database.js';
import type { Transaction } from '../database/transaction.js';
import { orUndefined } from '../sql/assignments.js';

/** A provider that is granted to a tenant. */
export interface ProviderPermission {
  readonly providerId: string;
  readonly tenantId: string;
  readonly tenantName: string;
  readonly grantedBy: string;
  readonly grantedAt: Date;
  readonly expiresAt: Date | undefined;
}

interface PermissionRow {
  provider_id: string;
  tenant_id: string;
  tenant_name: string;
  granted_by: string;
  granted_at: Date;
  expires_at: Date | null;
}

const SELECT = `
  SELECT g.provider_id, g.tenant_id, t.name AS tenant_name, g.granted_by, g.granted_at, g.expires_at
    FROM provider_permissions g JOIN tenants t ON t.id = g.tenant_id`;

/** Grants of providers to tenants. Granting again replaces the expiry. */
export class PostgresProviderPermissions {
  constructor(private readonly database: Database) {}

  async grant(
    tx: Transaction,
    grant: Pick<ProviderPermission, 'providerId' | 'tenantId' | 'grantedBy' | 'expiresAt'>,
  ): Promise<ProviderPermission> {
    await tx.query(
      `INSERT INTO provider_permissions (provider_id, tenant_id, granted_by, expires_at) VALUES ($1, $2, $3, $4)
       ON CONFLICT (provider_id, tenant_id) DO UPDATE
         SET granted_by = excluded.granted_by, granted_at = now(), expires_at = excluded.expires_at`,
      [grant.providerId, grant.tenantId, grant.grantedBy, grant.expiresAt ?? null],
    );
    const [row] = await tx.query<PermissionRow>(`${SELECT} WHERE g.provider_id = $1 AND g.tenant_id = $2`, [
      grant.providerId,
      grant.tenantId,
    ]);
    return toPermission(row!);
  }

  /** @throws DomainError NotFound */
  async revoke(tx: Transaction, providerId: string, tenantId: string): Promise<void> {
    const rows = await tx.query(
      'DELETE FROM provider_permissions WHERE provider_id = $1 AND tenant_id = $2 RETURNING tenant_id',
      [providerId, tenantId],
    );
    if (rows.length === 0) {
      throw new DomainError({
        kind: 'NotFound',
        reason: 'NotFound',
        message: `provider ${providerId} is not granted to tenant ${tenantId}`,
      });
    }
  }

  /** All of a provider's grants, by tenant name. */
  async list(providerId: string): Promise<readonly ProviderPermission[]> {
    const rows = await this.database.query<PermissionRow>(`${SELECT} WHERE g.provider_id = $1 ORDER BY t.name`, [
      providerId,
    ]);
    return rows.map(toPermission);
  }
}

function toPermission(row: PermissionRow): ProviderPermission {
  return {
    providerId: row.provider_id,
    tenantId: row.tenant_id,
    tenantName: row.tenant_name,
    grantedBy: row.granted_by,
    grantedAt: row.granted_at,
    expiresAt: orUndefined(row.expires_at),
  };
}
