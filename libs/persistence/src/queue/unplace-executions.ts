import type { BuildStatus, ExecutionState, PlacementDecision, Reason } from '@image-factory/domain';
import type { Transaction } from '../database/database.js';
import { storableJson, storableText } from '../sql/storable.js';
import { LOCK_CLAIMS, LOCK_LANES_OF, PARK_DECISIONS, UNPLACE_WRITE } from './placement-statements.js';
import { unblockAfter } from './unblock-builds.js';

/** A claim to take back before any cluster was touched. */
export interface Unplacing {
  readonly executionId: string;
  /** Only a claim of this dispatcher; undefined: of anyone. */
  readonly owner: string | undefined;
  /** What a running build becomes; one that is being cancelled is cancelled. */
  readonly target: 'queued' | 'parked' | 'failed';
  readonly reason: Reason;
  readonly message: string;
  readonly actor: string;
  readonly wakeAt?: Date;
  readonly wakeOn?: string;
  /** What led to parking. */
  readonly decision?: PlacementDecision;
}

export interface UnplacedBuild {
  readonly id: string;
  readonly tenantId: string;
  readonly status: BuildStatus;
}

interface LockedClaim {
  readonly id: string;
  readonly build_id: string;
  readonly tenant_id: string;
  readonly owner: string;
  readonly state: ExecutionState;
  readonly reason: string | null;
  readonly status: BuildStatus;
}

interface UnplacedRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly execution_id: string;
  readonly status: BuildStatus;
  /** Of its tenant, others than those that were parked here. */
  readonly others_wait: boolean;
}

/**
 * Takes claims back, whatever becomes of each. Locks executions with their builds, then lanes, each in their order, then
 * writes: one round trip behind the BEGIN, and more only where others wait for what is free now. @returns by execution
 * what was taken back, now or by the same request before, whose answer was lost with its COMMIT (correctness rule 2)
 */
export async function unplace(
  tx: Transaction,
  unplacings: readonly Unplacing[],
): Promise<ReadonlyMap<string, UnplacedBuild>> {
  const executionIds = unplacings.map((one) => one.executionId);
  const column = (of: (one: Unplacing) => unknown): unknown[] => unplacings.map((one) => of(one) ?? null);
  const [locked, , rows] = await Promise.all([
    tx.query<LockedClaim>(LOCK_CLAIMS, [executionIds]),
    tx.query(LOCK_LANES_OF, [executionIds]),
    tx.query<UnplacedRow>(UNPLACE_WRITE, [
      executionIds,
      column((one) => one.owner),
      column((one) => one.target),
      column((one) => one.reason),
      column((one) => storableText(one.message)),
      column((one) => one.actor),
      column((one) => one.wakeAt),
      column((one) => one.wakeOn),
    ]),
  ]);
  const moved = new Map(rows.map((row) => [row.execution_id, row]));
  await storeDecisions(
    tx,
    unplacings.filter((one) => moved.has(one.executionId)),
  );
  // A build in its old place of the order takes again what it gave back.
  const freeing = unplacings.flatMap(({ executionId, target }) => {
    const row = moved.get(executionId);
    return row === undefined || !row.others_wait || (target === 'queued' && row.status === 'queued') ? [] : [row.id];
  });
  if (freeing.length > 0) await unblockAfter(tx, freeing);
  const asked = new Map(unplacings.map((one) => [one.executionId, one]));
  const taken = new Map<string, UnplacedBuild>();
  for (const claim of locked) {
    if (!wasTakenBack(claim, asked.get(claim.id))) continue;
    taken.set(claim.id, { id: claim.build_id, tenantId: claim.tenant_id, status: claim.status });
  }
  for (const row of rows) taken.set(row.execution_id, { id: row.id, tenantId: row.tenant_id, status: row.status });
  return taken;
}

function wasTakenBack(claim: LockedClaim, asked: Unplacing | undefined): boolean {
  return claim.state === 'released' && claim.owner === asked?.owner && claim.reason === asked.reason;
}

async function storeDecisions(tx: Transaction, unplaced: readonly Unplacing[]): Promise<void> {
  const decided = unplaced.flatMap(({ executionId, decision }) =>
    decision === undefined ? [] : [{ executionId, decision: storableJson(decision) }],
  );
  if (decided.length === 0) return;
  await tx.query(PARK_DECISIONS, [decided.map((one) => one.executionId), decided.map((one) => one.decision)]);
}
