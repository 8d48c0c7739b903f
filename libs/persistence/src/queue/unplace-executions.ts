import type { BuildStatus, ExecutionState, Reason } from '@image-factory/domain';
import type { Transaction } from '../database/database.js';
import { storableText } from '../sql/storable.js';
import { LOCK_PLACING, UNPLACE_WRITE } from './placement-statements.js';
import { LOCK_LANES } from './statements.js';
import { unblockAfter } from './unblock-builds.js';

export interface Unplacing {
  readonly executionIds: readonly string[];
  /** Only claims of this dispatcher; undefined: of anyone. */
  readonly owner: string | undefined;
  /** What a running build becomes; one that is being cancelled is cancelled. */
  readonly target: 'queued' | 'parked' | 'failed';
  readonly reason: Reason;
  readonly message: string;
  readonly actor: string;
  readonly wakeAt?: Date;
  readonly wakeOn?: string;
}

interface PlacingRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly owner: string;
  readonly state: ExecutionState;
}

export interface UnplacedBuild {
  readonly id: string;
  readonly tenantId: string;
  readonly status: BuildStatus;
}

/** Takes claims back before any cluster was touched. Locks executions and builds, then lanes in order, then writes. */
export async function unplace(tx: Transaction, unplacing: Unplacing): Promise<UnplacedBuild[]> {
  const rows = await tx.query<PlacingRow>(LOCK_PLACING, [[...unplacing.executionIds]]);
  const locked = rows.filter((row) => row.state === 'placing' && (unplacing.owner ?? row.owner) === row.owner);
  if (locked.length === 0) return [];
  await tx.query(LOCK_LANES, [locked.map((row) => row.tenant_id)]);
  const moved = await tx.query<{ id: string; tenant_id: string; status: BuildStatus }>(UNPLACE_WRITE, [
    locked.map((row) => row.id),
    unplacing.target,
    unplacing.reason,
    storableText(unplacing.message),
    unplacing.actor,
    unplacing.wakeAt ?? null,
    unplacing.wakeOn ?? null,
  ]);
  // A build in its old place of the order takes again what it gave back.
  const gone = unplacing.target === 'queued' ? moved.filter((row) => row.status !== 'queued') : moved;
  if (gone.length > 0)
    await unblockAfter(
      tx,
      gone.map((row) => row.id),
    );
  return moved.map((row) => ({ id: row.id, tenantId: row.tenant_id, status: row.status }));
}
