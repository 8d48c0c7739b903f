import { DomainError } from '@image-factory/domain';
import { SCHEMA_VERSION } from '@image-factory/migrations';
import type { Queryable } from './transaction.js';

/**
 * Refuses a schema that is older or newer than this version was made for, so that an old process never writes into a
 * changed schema.
 * @throws DomainError Unavailable SchemaOutdated
 */
export async function assertSchemaVersion(database: Queryable): Promise<void> {
  const [table] = await database.query<{ present: boolean }>(`SELECT to_regclass('migrations') IS NOT NULL AS present`);
  const rows =
    table?.present === true
      ? await database.query<{ name: string }>('SELECT name FROM migrations ORDER BY id DESC LIMIT 1')
      : [];
  const found = rows[0]?.name;
  if (found === SCHEMA_VERSION) return;
  throw new DomainError({
    kind: 'Unavailable',
    reason: 'SchemaOutdated',
    message:
      found === undefined
        ? `the database has no schema yet; run the migrations (needs ${SCHEMA_VERSION})`
        : `the database has schema ${found} and this version needs ${SCHEMA_VERSION}; run the migrations or the matching version`,
    details: { found, needed: SCHEMA_VERSION },
  });
}
