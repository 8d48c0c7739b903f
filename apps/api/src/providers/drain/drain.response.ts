import { EXECUTION_OUTCOMES, EXECUTION_STATES, PROVIDER_STATES } from '@image-factory/domain';
import type { DrainingExecution, DrainProgress, ProviderDetail } from '@image-factory/persistence';
import { orNull, Shown, ShownAs, timeOrNull } from '../../http/response/shown.js';

export class DrainingExecutionResponse {
  @Shown('id') readonly execution_id!: string;
  @Shown('id') readonly build_id!: string;
  @Shown('id') readonly tenant_id!: string;
  @Shown('integer') readonly attempt!: number;
  @Shown('text', { choices: EXECUTION_STATES }) readonly state!: string;
  @Shown('boolean', { description: 'The drain stops it; another attempt follows elsewhere' }) readonly moving!: boolean;
  @Shown('text', { nullable: true, choices: EXECUTION_OUTCOMES }) readonly outcome!: string | null;
  @Shown('time', { nullable: true }) readonly placed_at!: string | null;
}

/** What is left on a provider, and who wants it empty. */
export class DrainResponse {
  @Shown('id') readonly provider_id!: string;
  @Shown('text', { choices: PROVIDER_STATES }) readonly status!: string;
  @Shown('text', { nullable: true, description: 'As who set the status gave it' }) readonly reason!: string | null;
  @Shown('text', { nullable: true, example: 'user:ops' }) readonly changed_by!: string | null;
  @Shown('time', { nullable: true }) readonly changed_at!: string | null;
  @Shown('time', { nullable: true, description: 'What runs then is moved; null: nothing is moved' })
  readonly deadline!: string | null;
  @Shown('boolean') readonly past_deadline!: boolean;
  @Shown('integer', { description: 'Attempts that have no outcome yet' }) readonly remaining!: number;
  @Shown('integer', { description: 'Those that are stopped for the drain and not over yet' }) readonly moving!: number;
  @Shown('integer', { description: 'Attempts with an outcome that are sealed or removed now' })
  readonly finishing!: number;
  @Shown('boolean', { description: 'It is draining and nothing is left there' }) readonly drained!: boolean;
  @ShownAs(() => DrainingExecutionResponse, { list: true, description: 'The oldest first; at most 100' })
  readonly executions!: readonly DrainingExecutionResponse[];
}

export function toDrainResponse(provider: ProviderDetail, progress: DrainProgress, now: Date): DrainResponse {
  const { remaining, moving, finishing } = progress;
  const deadline = provider.drainDeadlineAt;
  return {
    provider_id: provider.id,
    status: provider.state,
    reason: orNull(provider.stateChange.reason),
    changed_by: orNull(provider.stateChange.actor),
    changed_at: timeOrNull(provider.stateChange.at),
    deadline: timeOrNull(deadline),
    past_deadline: deadline !== undefined && deadline <= now,
    remaining,
    moving,
    finishing,
    drained: provider.state === 'draining' && remaining + finishing === 0,
    executions: progress.executions.map(toDrainingResponse),
  };
}

function toDrainingResponse(execution: DrainingExecution): DrainingExecutionResponse {
  return {
    execution_id: execution.executionId,
    build_id: execution.buildId,
    tenant_id: execution.tenantId,
    attempt: execution.attempt,
    state: execution.state,
    moving: execution.moving,
    outcome: orNull(execution.outcome),
    placed_at: timeOrNull(execution.placedAt),
  };
}
