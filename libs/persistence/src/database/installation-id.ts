import { DomainError } from '@image-factory/domain';
import type { Queryable } from './transaction.js';

/** This installation's identity, made by its first migration: part of every name and label on a cluster. */
export async function installationId(database: Queryable): Promise<string> {
  const [row] = await database.query<{ id: string }>('SELECT id FROM installation');
  if (row !== undefined) return row.id;
  throw new DomainError({
    kind: 'Internal',
    reason: 'Internal',
    message: 'the installation table is empty: its row is made by the first migration and must not be deleted',
  });
}
