import type { Role } from '@image-factory/domain';
import type { Database } from '../database/database.js';
import type { Transaction } from '../database/transaction.js';
import { orUndefined } from '../sql/assignments.js';
import { type Page, type PageRequest, toPage } from '../sql/page.js';

/** Who did what to which object. `before` and `after` are what an answer would show: never a secret. */
export interface AuditEvent {
  readonly id: string;
  readonly occurredAt: Date;
  readonly actor: string;
  readonly actorRole: Role;
  readonly tenantId: string | undefined;
  /** `resource.verb`, as in `provider.patch`. */
  readonly action: string;
  readonly objectType: string;
  readonly objectId: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly traceId: string | undefined;
}

export type AuditEntry = Omit<AuditEvent, 'id' | 'occurredAt'>;

interface AuditRow {
  /** A bigint, which the driver reads as a number. */
  id: number;
  occurred_at: Date;
  actor: string;
  actor_role: Role;
  tenant_id: string | null;
  action: string;
  object_type: string;
  object_id: string;
  before: unknown;
  after: unknown;
  trace_id: string | null;
}

/** Narrows the list of audit events. */
export interface AuditFilter {
  readonly objectType?: string | undefined;
  readonly objectId?: string | undefined;
  readonly actor?: string | undefined;
}

/** The append-only trail. An entry is written in the transaction of the change that it tells of. */
export class PostgresAudit {
  constructor(private readonly database: Database) {}

  async append(tx: Transaction, entry: AuditEntry): Promise<void> {
    await tx.query(
      `INSERT INTO audit_events (actor, actor_role, tenant_id, action, object_type, object_id, before, after, trace_id)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        entry.actor,
        entry.actorRole,
        entry.tenantId ?? null,
        entry.action,
        entry.objectType,
        entry.objectId,
        toJson(entry.before),
        toJson(entry.after),
        entry.traceId ?? null,
      ],
    );
  }

  async list(filter: AuditFilter, page: PageRequest): Promise<Page<AuditEvent>> {
    const rows = await this.database.query<AuditRow>(
      `SELECT * FROM audit_events
        WHERE ($2::bigint IS NULL OR id < $2) AND ($3::text IS NULL OR object_type = $3)
          AND ($4::text IS NULL OR object_id = $4) AND ($5::text IS NULL OR actor = $5)
        ORDER BY id DESC LIMIT $1`,
      [page.limit + 1, page.after ?? null, filter.objectType ?? null, filter.objectId ?? null, filter.actor ?? null],
    );
    return toPage(rows, page.limit, toAuditEvent, (row) => String(row.id));
  }
}

function toJson(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

function toAuditEvent(row: AuditRow): AuditEvent {
  return {
    id: String(row.id),
    occurredAt: row.occurred_at,
    actor: row.actor,
    actorRole: row.actor_role,
    tenantId: orUndefined(row.tenant_id),
    action: row.action,
    objectType: row.object_type,
    objectId: row.object_id,
    before: row.before,
    after: row.after,
    traceId: orUndefined(row.trace_id),
  };
}
