import { Inject, Injectable } from '@nestjs/common';
import { Database, PostgresAudit, type Transaction } from '@image-factory/persistence';
import type { RequestScope } from '../request-scope.js';

/** What a change did to which object. `before` and `after` are answers: without secrets. */
export interface AuditNote {
  readonly action: string;
  readonly objectType: string;
  readonly objectId: string;
  readonly tenantId?: string | undefined;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Runs a change and writes its audit event in the same transaction. */
@Injectable()
export class AuditedWrites {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(PostgresAudit) private readonly audit: PostgresAudit,
  ) {}

  async run<T>(scope: RequestScope, change: (tx: Transaction) => Promise<{ result: T; note: AuditNote }>): Promise<T> {
    return this.database.transaction(async (tx) => {
      const { result, note } = await change(tx);
      await this.note(tx, scope, note);
      return result;
    });
  }

  /** For a change whose transaction is another's. */
  async note(tx: Transaction, scope: RequestScope, note: AuditNote): Promise<void> {
    await this.audit.append(tx, {
      actor: scope.caller.actor,
      actorRole: scope.caller.role,
      tenantId: note.tenantId,
      action: note.action,
      objectType: note.objectType,
      objectId: note.objectId,
      before: note.before,
      after: note.after,
      traceId: scope.traceId,
    });
  }
}
