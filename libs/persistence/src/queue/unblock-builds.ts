import type { Database, Transaction } from '../database/database.js';
import { FIND_STRANDED, FIND_UNBLOCKED, FIND_UNBLOCKED_OF_PROJECT } from './blocking-statements.js';
import { LOCK_LANES, UNPARK_WRITE } from './statements.js';
import type { MovedBuild } from './wake-builds.js';

/** Most builds that one statement wakes when a project's limit goes. */
const AT_ONCE = 1_000;

interface BuildRow {
  readonly id: string;
  readonly tenant_id: string;
}

/**
 * Wakes who waits for the room of a project or for a key that these builds have freed. In the transaction that frees
 * it, after the lanes of the builds were locked: a claim that parks a build saw what was free under the same lock, so no
 * wake-up is lost between the two.
 */
export async function unblockAfter(tx: Transaction, buildIds: readonly string[]): Promise<MovedBuild[]> {
  return wake(tx, await tx.query<BuildRow>(FIND_UNBLOCKED, [[...buildIds]]));
}

/** Wakes who fits under the changed limit of a project. After the tenant's lane was locked. */
export async function unblockProject(tx: Transaction, projectId: string): Promise<MovedBuild[]> {
  const all: MovedBuild[] = [];
  for (;;) {
    const found = await tx.query<BuildRow>(FIND_UNBLOCKED_OF_PROJECT, [projectId, AT_ONCE]);
    const woken = await wake(tx, found);
    all.push(...woken);
    // Who is being cancelled at this moment is passed over, and found again.
    if (found.length < AT_ONCE || woken.length === 0) return all;
  }
}

/** Wakes builds that wait for what is free. Nothing should have left any; a build is worth the look. */
export async function unblockStranded(database: Database): Promise<MovedBuild[]> {
  const found = await database.query<BuildRow>(FIND_STRANDED);
  if (found.length === 0) return [];
  return database.transaction(async (tx) => {
    await tx.query(LOCK_LANES, [[...new Set(found.map((row) => row.tenant_id))]]);
    return wake(tx, found);
  });
}

async function wake(tx: Transaction, found: readonly BuildRow[]): Promise<MovedBuild[]> {
  if (found.length === 0) return [];
  const rows = await tx.query<BuildRow>(UNPARK_WRITE, [found.map((row) => row.id)]);
  return rows.map((row) => ({ id: row.id, tenantId: row.tenant_id }));
}
