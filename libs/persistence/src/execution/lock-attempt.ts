import type { BuildMethod, BuildStatus, ExecutionOutcome, ExecutionState, StopIntent } from '@image-factory/domain';
import type { Database, Statement, Transaction } from '../database/database.js';
import type { Fenced, ShardLease } from '../lease/shard-lease.js';
import { FENCE } from './statements.js';

/** An execution as it is under its lock, behind the fence. */
export interface LockedAttempt {
  readonly id: string;
  readonly build_id: string;
  readonly tenant_id: string;
  readonly attempt: number;
  readonly state: ExecutionState;
  readonly provider_id: string;
  readonly pipeline_run_uid: string | null;
  readonly stop_intent: StopIntent | null;
  readonly outcome: ExecutionOutcome | null;
  readonly waiting_reason: string | null;
  readonly waiting_message: string | null;
  readonly slot_held: boolean;
  readonly image_digest: string | null;
  readonly log_sealed_at: Date | null;
  readonly first_loss_at: Date | null;
  readonly finished_at: Date | null;
  readonly build_status: BuildStatus;
  readonly build_method: BuildMethod;
  readonly image_repository: string | null;
  readonly tags: readonly string[];
  readonly build_ordinal: number;
  /** `dispatcher:<id>` of the shard's owner. */
  readonly actor: string;
}

/**
 * Runs a write about one execution under its fence: only a miss of the fence means that the shard is lost (correctness
 * rule 12). `work` says false when the row is in a state that does not take this write, and has then changed nothing.
 */
export async function underFence(
  database: Database,
  lock: Statement,
  fence: ShardLease,
  executionId: string,
  work: (tx: Transaction, attempt: LockedAttempt) => Promise<boolean>,
): Promise<Fenced> {
  return database.transaction(async (tx) => {
    const key = [fence.providerId, fence.host, fence.shard, fence.token];
    const [attempt] = await tx.query<LockedAttempt>(lock, [...key, executionId]);
    if (attempt !== undefined) return (await work(tx, attempt)) ? 'done' : 'state-moved';
    const held = await tx.query(FENCE, key);
    return held.length === 0 ? 'lease-lost' : 'state-moved';
  });
}
