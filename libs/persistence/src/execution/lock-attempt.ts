import type {
  BuildMethod,
  BuildStatus,
  CancelIntent,
  ExecutionOutcome,
  ExecutionState,
  StopIntent,
} from '@image-factory/domain';

/** An execution as it is under its lock, behind the fence. */
export interface LockedAttempt {
  readonly id: string;
  readonly build_id: string;
  readonly tenant_id: string;
  readonly attempt: number;
  readonly state: ExecutionState;
  readonly provider_id: string;
  readonly host: string;
  readonly shard: number;
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
  /** Who had the build cancelled; null while it is not. */
  readonly cancel_intent: CancelIntent | null;
  readonly build_method: BuildMethod;
  readonly image_repository: string | null;
  readonly tags: readonly string[];
  /** Order of submission over the whole installation: a newer build's tags win. */
  readonly build_ordinal: number;
  /** Others may wait for the build's concurrency key. */
  readonly keyed: boolean;
  /** `dispatcher:<id>` of the shard's owner. */
  readonly actor: string;
}
