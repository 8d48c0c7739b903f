import type {
  ExecutionOutcome,
  ExecutionState,
  FailureClass,
  Fault,
  PlacementDecision,
  Reason,
  RetryDecision,
  RetryReason,
  StopIntent,
} from '@image-factory/domain';
import { orUndefined } from '../sql/assignments.js';

/** Why the attempt after this one was or was not made. */
export interface RetryView {
  readonly decision: RetryDecision['decision'];
  readonly failureClass: FailureClass;
  readonly reason: RetryReason;
  readonly message: string | undefined;
  readonly nextAttemptAt: Date | undefined;
}

/** One attempt as the API shows it; documents and tokens are not part of it. */
export interface ExecutionView {
  readonly id: string;
  readonly buildId: string;
  readonly tenantId: string;
  readonly attempt: number;
  readonly state: ExecutionState;
  readonly providerId: string | undefined;
  readonly providerName: string | undefined;
  readonly namespace: string | undefined;
  /** Where its last pod was; known at its end. */
  readonly nodeName: string | undefined;
  /** What it counts as while it runs. */
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** What its pod may write, and the size of its workspace; undefined before its placement, and without a limit. */
  readonly ephemeralStorageLimitBytes: number | undefined;
  readonly workspaceBytes: number | undefined;
  readonly pipelineRunName: string | undefined;
  readonly pipelineRunUid: string | undefined;
  readonly waitingReason: Reason | undefined;
  readonly waitingMessage: string | undefined;
  readonly stopIntent: StopIntent | undefined;
  readonly outcome: ExecutionOutcome | undefined;
  readonly reason: Reason | undefined;
  readonly message: string | undefined;
  readonly fault: Fault | undefined;
  readonly imageDigest: string | undefined;
  readonly results: Readonly<Record<string, string>>;
  readonly claimedAt: Date;
  readonly placedAt: Date | undefined;
  readonly createdAt: Date | undefined;
  readonly firstStepStartedAt: Date | undefined;
  /** Net of waiting: with the outcome all of it, before that until the last wait. */
  readonly runSeconds: number;
  /** Since when its steps are seen to run; undefined before, while it waits, and once its outcome is fixed. */
  readonly runSince: Date | undefined;
  readonly startSeconds: number;
  readonly endedAt: Date | undefined;
  readonly outcomeAt: Date | undefined;
  readonly logSealedAt: Date | undefined;
  readonly logGap: string | undefined;
  readonly promotedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
  readonly firstLossAt: Date | undefined;
  /** Undefined before its end, and of a success. */
  readonly retry: RetryView | undefined;
}

/** A row of {@link EXECUTION_SELECT}. */
export interface ExecutionRow {
  id: string;
  build_id: string;
  tenant_id: string;
  attempt: number;
  state: ExecutionState;
  provider_id: string | null;
  provider_name: string | null;
  namespace: string | null;
  node_name: string | null;
  cpu_millis: number;
  memory_bytes: number;
  ephemeral_storage_limit_bytes: number | null;
  workspace_bytes: number | null;
  pipeline_run_name: string | null;
  pipeline_run_uid: string | null;
  waiting_reason: Reason | null;
  waiting_message: string | null;
  stop_intent: StopIntent | null;
  outcome: ExecutionOutcome | null;
  reason: Reason | null;
  message: string | null;
  fault: Fault | null;
  image_digest: string | null;
  results: Record<string, string>;
  claimed_at: Date;
  placed_at: Date | null;
  created_at: Date | null;
  first_step_started_at: Date | null;
  run_seconds: number;
  run_since: Date | null;
  start_seconds: number;
  ended_at: Date | null;
  outcome_at: Date | null;
  log_sealed_at: Date | null;
  log_gap: string | null;
  promoted_at: Date | null;
  finished_at: Date | null;
  first_loss_at: Date | null;
  failure_class: FailureClass | null;
  retry_decision: RetryDecision['decision'] | null;
  retry_reason: RetryReason | null;
  retry_message: string | null;
  next_attempt_at: Date | null;
}

/** Without documents: they may be large. */
export const EXECUTION_SELECT = `
  SELECT e.id, e.build_id, e.tenant_id, e.attempt, e.state, e.provider_id, p.name AS provider_name, e.namespace,
         e.pipeline_run_name, e.pipeline_run_uid, e.waiting_reason, e.waiting_message, e.stop_intent, e.outcome, e.reason,
         e.message, e.fault, e.image_digest, e.results, e.claimed_at, e.placed_at, e.created_at, e.first_step_started_at,
         e.run_seconds, e.run_since, e.start_seconds, e.ended_at, e.outcome_at, e.log_sealed_at, e.log_gap, e.promoted_at, e.finished_at,
         e.node_name, e.cpu_millis, e.memory_bytes, e.ephemeral_storage_limit_bytes, e.workspace_bytes,
         e.first_loss_at, e.failure_class, e.retry_decision, e.retry_reason, e.retry_message, e.next_attempt_at
    FROM build_executions e LEFT JOIN providers p ON p.id = e.provider_id`;

export function toExecutionView(row: ExecutionRow): ExecutionView {
  return {
    id: row.id,
    buildId: row.build_id,
    tenantId: row.tenant_id,
    attempt: row.attempt,
    state: row.state,
    providerId: orUndefined(row.provider_id),
    providerName: orUndefined(row.provider_name),
    namespace: orUndefined(row.namespace),
    nodeName: orUndefined(row.node_name),
    cpuMillis: row.cpu_millis,
    memoryBytes: row.memory_bytes,
    ephemeralStorageLimitBytes: orUndefined(row.ephemeral_storage_limit_bytes),
    workspaceBytes: orUndefined(row.workspace_bytes),
    pipelineRunName: orUndefined(row.pipeline_run_name),
    pipelineRunUid: orUndefined(row.pipeline_run_uid),
    waitingReason: orUndefined(row.waiting_reason),
    waitingMessage: orUndefined(row.waiting_message),
    stopIntent: orUndefined(row.stop_intent),
    outcome: orUndefined(row.outcome),
    reason: orUndefined(row.reason),
    message: orUndefined(row.message),
    fault: orUndefined(row.fault),
    imageDigest: orUndefined(row.image_digest),
    results: row.results,
    claimedAt: row.claimed_at,
    placedAt: orUndefined(row.placed_at),
    createdAt: orUndefined(row.created_at),
    firstStepStartedAt: orUndefined(row.first_step_started_at),
    runSeconds: row.run_seconds,
    runSince: orUndefined(row.run_since),
    startSeconds: row.start_seconds,
    endedAt: orUndefined(row.ended_at),
    outcomeAt: orUndefined(row.outcome_at),
    logSealedAt: orUndefined(row.log_sealed_at),
    logGap: orUndefined(row.log_gap),
    promotedAt: orUndefined(row.promoted_at),
    finishedAt: orUndefined(row.finished_at),
    firstLossAt: orUndefined(row.first_loss_at),
    retry: toRetryView(row),
  };
}

function toRetryView(row: ExecutionRow): RetryView | undefined {
  if (row.retry_decision === null || row.failure_class === null || row.retry_reason === null) return undefined;
  return {
    decision: row.retry_decision,
    failureClass: row.failure_class,
    reason: row.retry_reason,
    message: orUndefined(row.retry_message),
    nextAttemptAt: orUndefined(row.next_attempt_at),
  };
}

/** The stored decision of one claim. */
export interface StoredDecision {
  readonly executionId: string;
  readonly attempt: number;
  readonly decidedAt: Date;
  readonly decision: PlacementDecision;
}
