import {
  isAllowed,
  PLACEMENT_BASES,
  type PlacementDecision,
  REASONS,
  type Role,
  SCORE_PARTS,
  type ScoredProvider,
  seenByTenant,
} from '@image-factory/domain';
import type { StoredDecision } from '@image-factory/persistence';
import { Shown, ShownAs } from '../../http/response/shown.js';

export class ScoredProviderResponse {
  @Shown('id') readonly provider_id!: string;
  @Shown('text', { example: 'cluster-a' }) readonly name!: string;
  @Shown('text', { choices: PLACEMENT_BASES, description: 'Which rule of the order chose its rank' })
  readonly basis!: string;
  @Shown('number', { description: '0 to 1: the weighted mean of its parts' }) readonly score!: number;
  @Shown('object', { description: `Each from 0 to 1, those that matter of: ${SCORE_PARTS.join(', ')}` })
  readonly score_parts!: Readonly<Record<string, number>>;
  @Shown('boolean', { description: 'More runs there than its share, so that others come first' })
  readonly over_share!: boolean;
}

export class RejectedProviderResponse {
  @Shown('id') readonly provider_id!: string;
  @Shown('text', { example: 'cluster-b' }) readonly name!: string;
  @Shown('text', { choices: REASONS, example: 'ProviderUnhealthy' }) readonly reason!: string;
  @Shown('text', { example: 'is unhealthy' }) readonly message!: string;
}

export class RejectedGroupResponse {
  @Shown('text', { choices: REASONS, example: 'ProviderUnhealthy' }) readonly reason!: string;
  @Shown('integer') readonly count!: number;
  @Shown('texts', { description: 'At most 1000' }) readonly provider_ids!: readonly string[];
}

/** Why a build went where it went: the chosen provider and every other that the caller may know of, with its reason. */
export class PlacementDecisionResponse {
  @ShownAs(() => ScoredProviderResponse, { nullable: true }) readonly chosen!: ScoredProviderResponse | null;
  @ShownAs(() => ScoredProviderResponse, { list: true, description: 'Those that were compared, the best first' })
  readonly candidates!: readonly ScoredProviderResponse[];
  @ShownAs(() => RejectedProviderResponse, { list: true }) readonly rejected!: readonly RejectedProviderResponse[];
  @ShownAs(() => RejectedGroupResponse, { list: true, description: 'Rejected providers beyond the first hundred' })
  readonly rejected_more!: readonly RejectedGroupResponse[];
}

export class StoredDecisionResponse extends PlacementDecisionResponse {
  @Shown('id') readonly execution_id!: string;
  @Shown('integer') readonly attempt!: number;
  @Shown('time') readonly decided_at!: string;
}

/** As the role may see it: a tenant is told nothing of providers that are not granted to it. */
export function toPlacementDecisionResponse(decision: PlacementDecision, role: Role): PlacementDecisionResponse {
  return toDecisionResponse(isAllowed(role, 'provider:read') ? decision : seenByTenant(decision));
}

export function toDecisionResponse(decision: PlacementDecision): PlacementDecisionResponse {
  return {
    chosen: decision.chosen === undefined ? null : toScoredResponse(decision.chosen),
    candidates: decision.candidates.map(toScoredResponse),
    rejected: decision.rejected.map((rejected) => ({
      provider_id: rejected.providerId,
      name: rejected.name,
      reason: rejected.reason,
      message: rejected.message,
    })),
    rejected_more: decision.more.map(({ reason, count, providerIds }) => ({
      reason,
      count,
      provider_ids: providerIds,
    })),
  };
}

function toScoredResponse(scored: ScoredProvider): ScoredProviderResponse {
  return {
    provider_id: scored.providerId,
    name: scored.name,
    basis: scored.basis,
    score: scored.score,
    score_parts: scored.parts,
    over_share: scored.overShare,
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
