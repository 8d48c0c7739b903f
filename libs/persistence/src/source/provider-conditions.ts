import type { ConditionStatus } from '@image-factory/domain';
import type { Queryable } from '../database/transaction.js';

/** A Condition to store; its transition time is kept by the row while the status is the same. */
export interface ConditionToStore {
  readonly providerId: string;
  readonly type: string;
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
}

/** Writes Conditions of providers that still exist. Index: the key. Locks: the Conditions' rows. */
export async function storeConditions(database: Queryable, conditions: readonly ConditionToStore[]): Promise<void> {
  if (conditions.length === 0) return;
  await database.query(
    `INSERT INTO provider_conditions AS c (provider_id, type, status, reason, message, last_transition_at)
     SELECT d."providerId", d.type, d.status, d.reason, d.message, now()
       FROM jsonb_to_recordset($1::jsonb) AS d("providerId" uuid, type text, status text, reason text, message text)
       JOIN providers p ON p.id = d."providerId"
      ORDER BY d."providerId", d.type
         ON CONFLICT (provider_id, type) DO UPDATE
        SET status = excluded.status, reason = excluded.reason, message = excluded.message,
            last_transition_at = CASE WHEN c.status = excluded.status THEN c.last_transition_at ELSE now() END
      WHERE (c.status, c.reason, c.message) IS DISTINCT FROM (excluded.status, excluded.reason, excluded.message)`,
    [JSON.stringify(conditions)],
  );
}
