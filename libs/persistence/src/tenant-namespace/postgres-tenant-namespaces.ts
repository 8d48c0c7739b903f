import { DomainError, TenantNamespaceRepository, type TenantNamespace } from '@image-factory/domain';
import type { Database } from '../database/database.js';
import { isUniqueViolation } from '../database/sql-state.js';

interface NamespaceRow {
  readonly provider_id: string;
  readonly tenant_id: string;
  readonly cluster_uid: string;
  readonly name: string;
  readonly uid: string;
  readonly content_hash: string;
}

/** Which namespace a tenant has on which cluster; a unique index keeps two tenants out of one. */
export class PostgresTenantNamespaces extends TenantNamespaceRepository {
  constructor(private readonly database: Database) {
    super();
  }

  async find(providerId: string, tenantId: string): Promise<TenantNamespace | undefined> {
    const [row] = await this.database.query<NamespaceRow>(
      `SELECT provider_id, tenant_id, cluster_uid, name, uid, content_hash
         FROM tenant_namespaces WHERE provider_id = $1 AND tenant_id = $2`,
      [providerId, tenantId],
    );
    if (row === undefined) return undefined;
    return {
      providerId: row.provider_id,
      tenantId: row.tenant_id,
      clusterUid: row.cluster_uid,
      name: row.name,
      uid: row.uid,
      contentHash: row.content_hash,
    };
  }

  async save(namespace: TenantNamespace): Promise<void> {
    const { providerId, tenantId, clusterUid, name, uid, contentHash } = namespace;
    try {
      await this.database.query(
        `INSERT INTO tenant_namespaces (provider_id, tenant_id, cluster_uid, name, uid, content_hash)
         VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (provider_id, tenant_id)
             DO UPDATE SET cluster_uid = excluded.cluster_uid, name = excluded.name, uid = excluded.uid,
                           content_hash = excluded.content_hash, ensured_at = now()`,
        [providerId, tenantId, clusterUid, name, uid, contentHash],
      );
    } catch (error) {
      if (!isUniqueViolation(error, 'tenant_namespaces_name')) throw error;
      throw new DomainError({
        kind: 'Conflict',
        reason: 'NamespaceCollision',
        message: `namespace ${name} on provider ${providerId} is another tenant's; the next candidate has to be taken`,
        fault: 'platform',
        cause: error,
      });
    }
  }
}
