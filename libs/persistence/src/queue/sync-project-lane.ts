import type { Transaction } from '../database/database.js';
import { DROP_PROJECT_LANE, SYNC_PROJECT_LANE } from './blocking-statements.js';
import { LOCK_LANES } from './statements.js';
import { unblockProject } from './unblock-builds.js';
import type { MovedBuild } from './wake-builds.js';

export interface ProjectLimit {
  readonly tenantId: string;
  readonly projectId: string;
  /** Builds of the project that run at once; undefined: as many as the tenant may. */
  readonly maxRunning: number | undefined;
}

/**
 * Puts a project's limit where claims count it, in the transaction that changes the project, and wakes who fits now.
 * Locks: the tenant's lane, then the project lane; the caller holds the project's row.
 */
export async function syncProjectLane(tx: Transaction, limit: ProjectLimit): Promise<MovedBuild[]> {
  const { tenantId, projectId, maxRunning } = limit;
  await tx.query(LOCK_LANES, [[tenantId]]);
  if (maxRunning === undefined) await tx.query(DROP_PROJECT_LANE, [projectId]);
  else await tx.query(SYNC_PROJECT_LANE, [projectId, tenantId, maxRunning]);
  return unblockProject(tx, projectId);
}
