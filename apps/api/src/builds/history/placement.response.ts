import { isAllowed, type PlacementDecision, REASONS, type Role, seenByTenant } from '@image-factory/domain';
import type { StoredDecision } from '@image-factory/persistence';
import { Shown, ShownAs } from '../../http/response/shown.js';

const BASES = ['named', 'default_cluster', 'is_global', 'environment', 'granted'];

export class ChosenProviderResponse {
  @Shown('id') readonly provider_id!: string;
  @Shown('text', { example: 'cluster-a' }) readonly name!: string;
  @Shown('text', { choices: BASES, description: 'Which rule of the order chose it' }) readonly basis!: string;
}

export class RejectedProviderResponse {
  @Shown('id') readonly provider_id!: string;
  @Shown('text', { example: 'cluster-b' }) readonly name!: string;
  @Shown('text', { choices: REASONS, example: 'ProviderUnhealthy' }) readonly reason!: string;
  @Shown('text', { example: 'is unhealthy' }) readonly message!: string;
}

/** Why a build went where it went: the chosen provider and every other that the caller may know of, with its reason. */
export class PlacementDecisionResponse {
  @ShownAs(() => ChosenProviderResponse, { nullable: true }) readonly chosen!: ChosenProviderResponse | null;
  @ShownAs(() => RejectedProviderResponse, { list: true }) readonly rejected!: readonly RejectedProviderResponse[];
}

export class StoredDecisionResponse extends PlacementDecisionResponse {
  @Shown('id') readonly execution_id!: string;
  @Shown('integer') readonly attempt!: number;
  @Shown('time') readonly decided_at!: string;
}

export function toPlacementDecisionResponse(decision: PlacementDecision, role: Role): PlacementDecisionResponse {
  const { chosen, rejected: passedOver } = isAllowed(role, 'provider:read') ? decision : seenByTenant(decision);
  return {
    chosen: chosen === undefined ? null : { provider_id: chosen.providerId, name: chosen.name, basis: chosen.basis },
    rejected: passedOver.map((rejected) => ({
      provider_id: rejected.providerId,
      name: rejected.name,
      reason: rejected.reason,
      message: rejected.message,
    })),
  };
}

export function toStoredDecisionResponse(stored: StoredDecision, role: Role): StoredDecisionResponse {
  return {
    execution_id: stored.executionId,
    attempt: stored.attempt,
    decided_at: stored.decidedAt.toISOString(),
    ...toPlacementDecisionResponse(stored.decision, role),
  };
}
