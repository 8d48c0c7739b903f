import type { PlacementDecision } from '@image-factory/domain';
import type { StoredDecision } from '@image-factory/persistence';

/** Why a build went where it went: the chosen provider and every other with its reason. */
export interface PlacementDecisionResponse {
  readonly chosen: { readonly provider_id: string; readonly name: string; readonly basis: string } | null;
  readonly rejected: readonly {
    readonly provider_id: string;
    readonly name: string;
    readonly reason: string;
    readonly message: string;
  }[];
}

export interface StoredDecisionResponse extends PlacementDecisionResponse {
  readonly execution_id: string;
  readonly attempt: number;
  readonly decided_at: string;
}

export function toPlacementDecisionResponse(decision: PlacementDecision): PlacementDecisionResponse {
  const { chosen } = decision;
  return {
    chosen: chosen === undefined ? null : { provider_id: chosen.providerId, name: chosen.name, basis: chosen.basis },
    rejected: decision.rejected.map((rejected) => ({
      provider_id: rejected.providerId,
      name: rejected.name,
      reason: rejected.reason,
      message: rejected.message,
    })),
  };
}

export function toStoredDecisionResponse(stored: StoredDecision): StoredDecisionResponse {
  return {
    execution_id: stored.executionId,
    attempt: stored.attempt,
    decided_at: stored.decidedAt.toISOString(),
    ...toPlacementDecisionResponse(stored.decision),
  };
}
