import { DomainError, type Role } from '@image-factory/domain';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/database.js';
import type { Transaction } from '../database/transaction.js';
import { orUndefined } from '../sql/assignments.js';
import { type Page, type PageRequest, toPage } from '../sql/page.js';

/** An API key as it is stored: the key itself is known to its owner alone. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** Undefined for the two platform roles. */
  readonly tenantId: string | undefined;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly expiresAt: Date | undefined;
  readonly revokedAt: Date | undefined;
  readonly lastUsedAt: Date | undefined;
}

interface ApiKeyRow {
  id: string;
  name: string;
  role: Role;
  tenant_id: string | null;
  created_by: string;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
  last_used_at: Date | null;
}

const COLUMNS = 'id, name, role, tenant_id, created_by, created_at, expires_at, revoked_at, last_used_at';

/** Name of the key that an installation begins with. */
export const BOOTSTRAP_KEY_NAME = 'bootstrap-admin';

/** API keys, looked up by the SHA-256 of the whole token. */
export class PostgresApiKeys {
  constructor(private readonly database: Database) {}

  async create(
    tx: Transaction,
    input: Pick<ApiKey, 'name' | 'role' | 'tenantId' | 'expiresAt' | 'createdBy'> & { readonly keyHash: Buffer },
  ): Promise<ApiKey> {
    const [row] = await tx.query<ApiKeyRow>(
      `INSERT INTO api_keys (id, name, role, tenant_id, key_hash, created_by, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING ${COLUMNS}`,
      [
        uuidv7(),
        input.name,
        input.role,
        input.tenantId ?? null,
        input.keyHash,
        input.createdBy,
        input.expiresAt ?? null,
      ],
    );
    return toApiKey(row!);
  }

  /**
   * The live key of this hash: neither revoked nor expired by the database's clock. Notes the use at most once a
   * minute, so that reading costs no write. A disabled tenant's keys read on: what submits looks at the tenant.
   */
  async findUsable(keyHash: Buffer): Promise<ApiKey | undefined> {
    const [row] = await this.database.query<ApiKeyRow & { stale: boolean }>(
      `SELECT ${COLUMNS}, coalesce(last_used_at < now() - interval '1 minute', true) AS stale FROM api_keys
        WHERE key_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`,
      [keyHash],
    );
    if (row === undefined) return undefined;
    if (row.stale) await this.database.query('UPDATE api_keys SET last_used_at = now() WHERE id = $1', [row.id]);
    return toApiKey(row);
  }

  /** Those of the ids whose keys are neither revoked nor expired. Index: primary key. */
  async filterUsable(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const rows = await this.database.query<{ id: string }>(
      `SELECT id FROM api_keys
        WHERE id = ANY ($1::uuid[]) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`,
      [ids],
    );
    return new Set(rows.map((row) => row.id));
  }

  async list(page: PageRequest): Promise<Page<ApiKey>> {
    const rows = await this.database.query<ApiKeyRow>(
      `SELECT ${COLUMNS} FROM api_keys WHERE $2::uuid IS NULL OR id < $2 ORDER BY id DESC LIMIT $1`,
      [page.limit + 1, page.after ?? null],
    );
    return toPage(rows, page.limit, toApiKey, (row) => row.id);
  }

  /** Revoked keys stay listed. Idempotent. @throws DomainError NotFound */
  async revoke(tx: Transaction, id: string): Promise<ApiKey> {
    const [row] = await tx.query<ApiKeyRow>(
      `UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING ${COLUMNS}`,
      [id],
    );
    if (row === undefined) {
      throw new DomainError({ kind: 'NotFound', reason: 'NotFound', message: `there is no API key ${id}` });
    }
    return toApiKey(row);
  }

  /** Registers the first admin key. A changed one replaces the key of that name, which is revoked. Idempotent. */
  async registerBootstrap(keyHash: Buffer): Promise<void> {
    await this.database.transaction(async (tx) => {
      await tx.query(
        'UPDATE api_keys SET revoked_at = now() WHERE name = $1 AND created_by = $2 AND key_hash <> $3 AND revoked_at IS NULL',
        [BOOTSTRAP_KEY_NAME, 'system', keyHash],
      );
      await tx.query(
        `INSERT INTO api_keys (id, name, role, key_hash, created_by) VALUES ($1, $2, 'system-admin', $3, 'system')
         ON CONFLICT (key_hash) DO UPDATE SET revoked_at = NULL WHERE api_keys.name = $2 AND api_keys.created_by = 'system'`,
        [uuidv7(), BOOTSTRAP_KEY_NAME, keyHash],
      );
    });
  }
}

function toApiKey(row: ApiKeyRow): ApiKey {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    tenantId: orUndefined(row.tenant_id),
    createdBy: row.created_by,
    createdAt: row.created_at,
    expiresAt: orUndefined(row.expires_at),
    revokedAt: orUndefined(row.revoked_at),
    lastUsedAt: orUndefined(row.last_used_at),
  };
}
