import type {
  BuildMethod,
  BuildStatus,
  ExecutionOutcome,
  ExecutionState,
  Fault,
  InfrastructureType,
  Reason,
  StopIntent,
} from '@image-factory/domain';
import { toBuildConfig } from '../build/build-row.js';
import type { OwnedExecution } from './owned-execution.js';

/** A row of FIND_OWNED_BY_ID. */
export interface OwnedRow {
  readonly id: string;
  readonly build_id: string;
  readonly tenant_id: string;
  readonly project_id: string;
  readonly build_number: number;
  readonly attempt: number;
  readonly state: ExecutionState;
  readonly provider_id: string;
  readonly provider_generation: number;
  readonly host: string;
  readonly shard: number;
  readonly token: string;
  readonly cluster_uid: string;
  readonly namespace: string;
  readonly namespace_uid: string | null;
  readonly pipeline_run_name: string;
  readonly pipeline_run_uid: string | null;
  readonly document: string;
  readonly document_hash: string;
  readonly create_unknown_since: Date | null;
  readonly waiting_reason: Reason | null;
  readonly waiting_message: string | null;
  readonly stop_intent: StopIntent | null;
  readonly stop_requested_at: Date | null;
  readonly outcome: ExecutionOutcome | null;
  readonly reason: Reason | null;
  readonly message: string | null;
  readonly fault: Fault | null;
  readonly image_digest: string | null;
  readonly claimed_at: Date;
  readonly placed_at: Date;
  readonly created_at: Date | null;
  readonly first_step_started_at: Date | null;
  readonly run_seconds: number;
  readonly run_since: Date | null;
  readonly start_seconds: number;
  readonly ended_at: Date | null;
  readonly outcome_at: Date | null;
  readonly slot_held: boolean;
  readonly pods_over_at: Date | null;
  readonly pods_presumed_over: boolean;
  readonly credentials_removed_at: Date | null;
  readonly log_sealed_at: Date | null;
  readonly log_day: string;
  readonly promoted_at: Date | null;
  readonly finished_at: Date | null;
  readonly first_loss_at: Date | null;
  readonly build_status: BuildStatus;
  readonly build_method: BuildMethod;
  readonly infrastructure_type: InfrastructureType;
  readonly build_timeout_minutes: number;
  readonly start_limit_minutes: number;
  readonly image_repository: string | null;
  readonly tags: readonly string[];
  readonly build_ordinal: number;
  readonly traceparent: string | null;
  readonly submitted_at: Date;
  readonly config: Record<string, unknown>;
  readonly git_repository_url: string;
  readonly registry_auth_id: string | null;
  readonly repository_auth_id: string | null;
  readonly installation_id: string;
  readonly read_at: Date;
}

export function toOwnedExecution(row: OwnedRow): OwnedExecution {
  return { ...identityOf(row), ...progressOf(row), ...buildOf(row) };
}

function identityOf(row: OwnedRow) {
  return {
    executionId: row.id,
    buildId: row.build_id,
    tenantId: row.tenant_id,
    projectId: row.project_id,
    buildNumber: row.build_number,
    buildOrdinal: row.build_ordinal,
    attempt: row.attempt,
    installationId: row.installation_id,
    providerId: row.provider_id,
    providerGeneration: row.provider_generation,
    shard: row.shard,
    fence: { providerId: row.provider_id, host: row.host, shard: row.shard, token: row.token },
    place: { clusterUid: row.cluster_uid, namespace: row.namespace, namespaceUid: row.namespace_uid ?? '' },
    name: row.pipeline_run_name,
    uid: row.pipeline_run_uid ?? undefined,
    document: row.document,
    documentHash: row.document_hash,
    logDay: row.log_day,
    readAt: row.read_at,
  };
}

function progressOf(row: OwnedRow) {
  return {
    state: row.state,
    createUnknownSince: row.create_unknown_since ?? undefined,
    waitingReason: row.waiting_reason ?? undefined,
    waitingMessage: row.waiting_message ?? undefined,
    stopIntent: row.stop_intent ?? undefined,
    stopRequestedAt: row.stop_requested_at ?? undefined,
    outcome: row.outcome ?? undefined,
    reason: row.reason ?? undefined,
    message: row.message ?? undefined,
    fault: row.fault ?? undefined,
    imageDigest: row.image_digest ?? undefined,
    slotHeld: row.slot_held,
    runSeconds: row.run_seconds,
    runSince: row.run_since ?? undefined,
    startSeconds: row.start_seconds,
    claimedAt: row.claimed_at,
    placedAt: row.placed_at,
    createdAt: row.created_at ?? undefined,
    firstStepStartedAt: row.first_step_started_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
    outcomeAt: row.outcome_at ?? undefined,
    podsOverAt: row.pods_over_at ?? undefined,
    podsPresumedOver: row.pods_presumed_over,
    credentialsRemovedAt: row.credentials_removed_at ?? undefined,
    logSealedAt: row.log_sealed_at ?? undefined,
    promotedAt: row.promoted_at ?? undefined,
    finishedAt: row.finished_at ?? undefined,
    firstLossAt: row.first_loss_at ?? undefined,
  };
}

function buildOf(row: OwnedRow) {
  return {
    buildStatus: row.build_status,
    buildMethod: row.build_method,
    infrastructureType: row.infrastructure_type,
    buildTimeoutMinutes: row.build_timeout_minutes,
    startLimitMinutes: row.start_limit_minutes,
    imageRepository: row.image_repository ?? undefined,
    tags: row.tags,
    traceparent: row.traceparent ?? undefined,
    submittedAt: row.submitted_at,
    config: toBuildConfig(row.config),
    gitRepositoryUrl: row.git_repository_url,
    registryAuthId: row.registry_auth_id ?? undefined,
    repositoryAuthId: row.repository_auth_id ?? undefined,
  };
}
