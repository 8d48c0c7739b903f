import type { Database } from '../database/database.js';
import { FIND_DUE, FIND_WAITING, LOCK_LANES, UNPARK_WRITE } from './statements.js';

export interface MovedBuild {
  readonly id: string;
  readonly tenantId: string;
}

interface BuildRow {
  readonly id: string;
  readonly tenant_id: string;
}

/** Puts parked builds whose time has come back in the claim order. */
export async function wakeDueBuilds(database: Database, limit: number): Promise<MovedBuild[]> {
  return unpark(database, await database.query<BuildRow>(FIND_DUE, [limit]));
}

/** Puts the oldest parked builds that wait for `wakeOn` back in the claim order. */
export async function wakeBuilds(database: Database, wakeOn: string, limit: number): Promise<MovedBuild[]> {
  return unpark(database, await database.query<BuildRow>(FIND_WAITING, [wakeOn, limit]));
}

/** Lanes first, in order, then the builds: nobody who holds a parked build waits for a lane. */
async function unpark(database: Database, candidates: readonly BuildRow[]): Promise<MovedBuild[]> {
  if (candidates.length === 0) return [];
  const rows = await database.transaction(async (tx) => {
    await tx.query(LOCK_LANES, [[...new Set(candidates.map((row) => row.tenant_id))]]);
    return tx.query<BuildRow>(UNPARK_WRITE, [candidates.map((row) => row.id)]);
  });
  return rows.map((row) => ({ id: row.id, tenantId: row.tenant_id }));
}
