import {
  cpuText,
  EXECUTION_OUTCOMES,
  EXECUTION_STATES,
  FAILURE_CLASSES,
  memoryText,
  RETRY_DECISIONS,
  RETRY_REASONS,
  STOP_INTENTS,
} from '@image-factory/domain';
import type { ExecutionView, RetryView } from '@image-factory/persistence';
import { type Audience, told } from '../../access/audience.js';
import { tenantNamespace } from './tenant-document.js';
import { orNull, Shown, ShownAs, timeOrNull } from '../../http/response/shown.js';

export class PipelineRunReference {
  @Shown('text') readonly name!: string;
  @Shown('text', { nullable: true }) readonly uid!: string | null;
}

export class ProviderReference {
  @Shown('id') readonly id!: string;
  @Shown('text', { nullable: true, description: 'Null when the provider is deleted' }) readonly name!: string | null;
}

export class WaitingResponse {
  @Shown('text') readonly reason!: string;
  @Shown('text', { nullable: true }) readonly message!: string | null;
}

/** What an attempt was given: one after another that ran out of something has more of it. */
export class ExecutionResourcesResponse {
  @Shown('text', { description: 'As it counts for fairness', example: '2' }) readonly cpu!: string;
  @Shown('text', { description: 'As it counts for fairness', example: '4Gi' }) readonly memory!: string;
  @Shown('text', { nullable: true, description: 'Limit of its disk; null: none of ours', example: '10Gi' })
  readonly ephemeral_storage!: string | null;
  @Shown('text', { nullable: true, description: 'Null before its placement', example: '2Gi' })
  readonly workspace_size!: string | null;
}

/** Why the next attempt was or was not made. */
export class RetryResponse {
  @Shown('text', { choices: RETRY_DECISIONS }) readonly decision!: string;
  @Shown('text', { choices: FAILURE_CLASSES, description: 'What the reason says about trying again' })
  readonly class!: string;
  @Shown('text', { choices: RETRY_REASONS }) readonly reason!: string;
  @Shown('text', { nullable: true }) readonly message!: string | null;
  @Shown('time', { nullable: true, description: 'When the next attempt may be claimed; null when there is none' })
  readonly next_attempt_at!: string | null;
}

/** One attempt of a build. */
export class ExecutionResponse {
  @Shown('id') readonly id!: string;
  @Shown('id') readonly build_id!: string;
  @Shown('integer') readonly attempt!: number;
  @Shown('text', { choices: EXECUTION_STATES }) readonly status!: string;
  @ShownAs(() => ProviderReference, { nullable: true }) readonly provider!: ProviderReference | null;
  @Shown('text', { nullable: true }) readonly namespace!: string | null;
  @Shown('text', {
    nullable: true,
    description: 'Node of its last pod; known at the end of one that failed; null to a tenant',
  })
  readonly node!: string | null;
  @ShownAs(() => ExecutionResourcesResponse) readonly resources!: ExecutionResourcesResponse;
  @ShownAs(() => PipelineRunReference, { nullable: true }) readonly pipeline_run!: PipelineRunReference | null;
  @ShownAs(() => WaitingResponse, { nullable: true }) readonly waiting!: WaitingResponse | null;
  @Shown('text', { nullable: true, choices: STOP_INTENTS }) readonly stop_intent!: string | null;
  @Shown('text', { nullable: true, choices: EXECUTION_OUTCOMES }) readonly outcome!: string | null;
  @Shown('text', { nullable: true }) readonly reason!: string | null;
  @Shown('text', { nullable: true }) readonly message!: string | null;
  @Shown('text', { nullable: true, choices: ['user', 'cluster', 'platform'] }) readonly fault!: string | null;
  @Shown('text', { nullable: true }) readonly image_digest!: string | null;
  @Shown('map') readonly results!: Readonly<Record<string, string>>;
  @Shown('time') readonly claimed_at!: string;
  @Shown('time', { nullable: true }) readonly placed_at!: string | null;
  @Shown('time', { nullable: true }) readonly created_at!: string | null;
  @Shown('time', { nullable: true }) readonly first_step_started_at!: string | null;
  @Shown('number', { description: 'Seconds in which some step ran; before the outcome, until its last wait' })
  readonly run_seconds!: number;
  @Shown('time', { nullable: true }) readonly ended_at!: string | null;
  @Shown('time', { nullable: true }) readonly log_sealed_at!: string | null;
  @Shown('text', { nullable: true, description: 'Why bytes of the log are missing' }) readonly log_gap!: string | null;
  @Shown('time', { nullable: true }) readonly finished_at!: string | null;
  @Shown('time', { nullable: true, description: 'Since when the cluster cannot be reached' })
  readonly cluster_lost_since!: string | null;

  @ShownAs(() => RetryResponse, { nullable: true, description: 'Null before its end, and of a success' })
  readonly retry!: RetryResponse | null;
}

/** A tenant is not told the names of hosts and nodes. */
export function toExecutionResponse(execution: ExecutionView, audience: Audience): ExecutionResponse {
  const { providerId, pipelineRunName, waitingReason } = execution;
  const isTenant = audience === 'tenant';
  return {
    id: execution.id,
    build_id: execution.buildId,
    attempt: execution.attempt,
    status: execution.state,
    provider: providerId === undefined ? null : { id: providerId, name: orNull(execution.providerName) },
    namespace: orNull(isTenant ? tenantNamespace(execution.namespace) : execution.namespace),
    node: orNull(isTenant ? undefined : execution.nodeName),
    resources: toResourcesResponse(execution),
    pipeline_run:
      pipelineRunName === undefined ? null : { name: pipelineRunName, uid: orNull(execution.pipelineRunUid) },
    waiting:
      waitingReason === undefined
        ? null
        : { reason: waitingReason, message: told(audience, waitingReason, execution.waitingMessage) },
    stop_intent: orNull(execution.stopIntent),
    outcome: orNull(execution.outcome),
    reason: orNull(execution.reason),
    message: told(audience, execution.reason, execution.message),
    fault: orNull(execution.fault),
    image_digest: orNull(execution.imageDigest),
    results: execution.results,
    claimed_at: execution.claimedAt.toISOString(),
    placed_at: timeOrNull(execution.placedAt),
    created_at: timeOrNull(execution.createdAt),
    first_step_started_at: timeOrNull(execution.firstStepStartedAt),
    run_seconds: execution.runSeconds,
    ended_at: timeOrNull(execution.endedAt),
    log_sealed_at: timeOrNull(execution.logSealedAt),
    log_gap: orNull(execution.logGap),
    finished_at: timeOrNull(execution.finishedAt),
    cluster_lost_since: timeOrNull(execution.firstLossAt),
    retry: execution.retry === undefined ? null : toRetryResponse(execution.retry),
  };
}

function toResourcesResponse(execution: ExecutionView): ExecutionResourcesResponse {
  const { cpuMillis, memoryBytes, ephemeralStorageLimitBytes, workspaceBytes } = execution;
  return {
    cpu: cpuText(cpuMillis),
    memory: memoryText(memoryBytes),
    ephemeral_storage: ephemeralStorageLimitBytes === undefined ? null : memoryText(ephemeralStorageLimitBytes),
    workspace_size: workspaceBytes === undefined ? null : memoryText(workspaceBytes),
  };
}

function toRetryResponse(retry: RetryView): RetryResponse {
  return {
    decision: retry.decision,
    class: retry.failureClass,
    reason: retry.reason,
    message: orNull(retry.message),
    next_attempt_at: timeOrNull(retry.nextAttemptAt),
  };
}
