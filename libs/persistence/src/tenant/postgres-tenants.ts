import { DomainError } from '@image-factory/domain';
import { v4 as uuidv4 } from 'uuid';
import type { Database } from '../database/database.js';
import type { Queryable, Transaction } from '../database/transaction.js';
import type { PostgresBuildQueue } from '../queue/postgres-build-queue.js';
import { assignments } from '../sql/assignments.js';
import { type Page, type PageRequest, toPage } from '../sql/page.js';
import { type Tenant, TENANT_COLUMNS, type TenantChange, type TenantRow, toTenant } from './tenant.js';

/** Tenants and, in the same transaction, the lane that carries their limits in the queue. */
export class PostgresTenants {
  constructor(
    private readonly database: Database,
    private readonly queue: PostgresBuildQueue,
  ) {}

  /** Ids are UUIDv4: the namespace is made of their first digits (product.md). */
  async create(tx: Transaction, input: TenantChange & { readonly name: string }): Promise<Tenant> {
    await this.refuseTakenName(tx, input.name);
    const id = uuidv4();
    await tx.query('INSERT INTO tenants (id, name) VALUES ($1, $2)', [id, input.name]);
    return this.update(tx, id, input);
  }

  /** @throws DomainError NotFound; Conflict NameTaken */
  async update(tx: Transaction, id: string, change: TenantChange): Promise<Tenant> {
    // The lane is locked first: a claim holds it while it reads the limits that are about to change.
    await tx.query('SELECT 1 FROM lanes WHERE tenant_id = $1 FOR UPDATE', [id]);
    if (change.name !== undefined) await this.refuseTakenName(tx, change.name, id);
    const set = assignments(TENANT_COLUMNS, change as Record<keyof typeof TENANT_COLUMNS, unknown>, 2);
    const [row] = await tx.query<TenantRow>(
      `UPDATE tenants SET ${set.sql === '' ? '' : `${set.sql}, `}updated_at = now() WHERE id = $1 RETURNING *`,
      [id, ...set.parameters],
    );
    if (row === undefined) throw tenantNotFound(id);
    await this.queue.syncLane(tx, id);
    return toTenant(row);
  }

  async find(id: string, queryable: Queryable = this.database): Promise<Tenant | undefined> {
    const [row] = await queryable.query<TenantRow>('SELECT * FROM tenants WHERE id = $1', [id]);
    return row === undefined ? undefined : toTenant(row);
  }

  /** @throws DomainError NotFound */
  async get(id: string, queryable: Queryable = this.database): Promise<Tenant> {
    const tenant = await this.find(id, queryable);
    if (tenant === undefined) throw tenantNotFound(id);
    return tenant;
  }

  /** Newest first; ids are random, so the key is the creation time and then the id. */
  async list(page: PageRequest): Promise<Page<Tenant>> {
    const [createdAt, id] = page.after?.split('|') ?? [];
    const rows = await this.database.query<TenantRow & { sort_key: string }>(
      `SELECT *, created_at::text || '|' || id AS sort_key FROM tenants
        WHERE $2::timestamptz IS NULL OR (created_at, id) < ($2::timestamptz, $3::uuid)
        ORDER BY created_at DESC, id DESC LIMIT $1`,
      [page.limit + 1, createdAt ?? null, id ?? null],
    );
    return toPage(rows, page.limit, toTenant, (row) => row.sort_key);
  }

  /**
   * An attempt whose slot is free may still seal its log, be promoted with the tenant's credential, or lie on a cluster
   * in the tenant's namespace: it counts until it is swept.
   * @throws DomainError NotFound; Conflict InUse while builds of it are queued or running, or not cleaned up
   */
  async delete(tx: Transaction, id: string): Promise<void> {
    const [lane] = await tx.query<{ waiting: boolean; live: boolean }>(
      `SELECT l.queued + l.parked + l.running > 0 AS waiting,
              EXISTS (SELECT 1 FROM build_executions e
                       WHERE e.tenant_id = $1 AND e.provider_id IS NOT NULL AND e.swept_at IS NULL) AS live
         FROM lanes l WHERE l.tenant_id = $1 FOR UPDATE OF l`,
      [id],
    );
    if (lane === undefined) throw tenantNotFound(id);
    if (lane.waiting || lane.live) {
      const what = lane.waiting ? 'queued or running builds; cancel them or' : 'executions that are not cleaned up;';
      throw new DomainError({
        kind: 'Conflict',
        reason: 'InUse',
        message: `tenant ${id} has ${what} wait for their end`,
      });
    }
    await tx.query('UPDATE projects SET registry_auth_id = NULL, repository_auth_id = NULL WHERE tenant_id = $1', [id]);
    await tx.query('DELETE FROM tenants WHERE id = $1', [id]);
  }

  private async refuseTakenName(tx: Transaction, name: string, exceptId?: string): Promise<void> {
    const taken = await tx.query(
      'SELECT 1 FROM tenants WHERE lower(name) = lower($1) AND id IS DISTINCT FROM $2::uuid',
      [name, exceptId ?? null],
    );
    if (taken.length > 0) throw nameTaken('tenant', name);
  }
}

function tenantNotFound(id: string): DomainError {
  return new DomainError({ kind: 'NotFound', reason: 'NotFound', message: `there is no tenant ${id}` });
}

/** A second object of the same name is refused; the caller says which kind. */
export function nameTaken(noun: string, name: string): DomainError {
  return new DomainError({
    kind: 'Conflict',
    reason: 'NameTaken',
    message: `there is a ${noun} of the name ${JSON.stringify(name)} already; choose another name`,
  });
}
