import {
  PLACEMENT_BASES,
  type PlacementDecision,
  REASONS,
  SCORE_PARTS,
  type ScoreParts,
  type ScoredProvider,
  seenByTenant,
} from '@image-factory/domain';
import type { StoredDecision } from '@image-factory/persistence';
import { type Audience, told } from '../../access/audience.js';
import { Shown, ShownAs } from '../../http/response/shown.js';

export class ScoredProviderResponse {
  @Shown('id') readonly provider_id!: string;
  @Shown('text', { example: 'cluster-a' }) readonly name!: string;
  @Shown('text', { choices: PLACEMENT_BASES, description: 'Which rule of the order chose its rank' })
  readonly basis!: string;
  @Shown('number', { nullable: true, description: '0 to 1: the weighted mean of its parts; null to a tenant' })
  readonly score!: number | null;
  @Shown('object', {
    description: `Each from 0 to 1, those that matter of: ${SCORE_PARTS.join(', ')}; to a tenant, its own`,
  })
  readonly score_parts!: Readonly<Record<string, number>>;
  @Shown('boolean', {
    nullable: true,
    description: 'More runs there than its share, so that others come first; null to a tenant',
  })
  readonly over_share!: boolean | null;
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

/** Parts of a score that are made of the build, its own tenant and what an administrator declares. */
const OWN_PARTS: readonly (keyof ScoreParts)[] = ['warmth', 'region', 'price', 'spread'];

/**
 * As the audience may see it: a tenant is told nothing of providers that are not granted to it, and of the others
 * nothing that is made of what other tenants run there.
 */
export function toDecisionResponse(whole: PlacementDecision, audience: Audience): PlacementDecisionResponse {
  const decision = audience === 'platform' ? whole : seenByTenant(whole);
  const toScored = audience === 'platform' ? toScoredResponse : toOwnScoredResponse;
  return {
    chosen: decision.chosen === undefined ? null : toScored(decision.chosen),
    candidates: decision.candidates.map(toScored),
    rejected: decision.rejected.map((rejected) => ({
      provider_id: rejected.providerId,
      name: rejected.name,
      reason: rejected.reason,
      message: told(audience, rejected.reason, rejected.message) ?? '',
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

function toOwnScoredResponse(scored: ScoredProvider): ScoredProviderResponse {
  const own = Object.entries(scored.parts).filter(([part]) => (OWN_PARTS as readonly string[]).includes(part));
  return { ...toScoredResponse(scored), score: null, score_parts: Object.fromEntries(own), over_share: null };
}

export function toStoredDecisionResponse(stored: StoredDecision, audience: Audience): StoredDecisionResponse {
  return {
    execution_id: stored.executionId,
    attempt: stored.attempt,
    decided_at: stored.decidedAt.toISOString(),
    ...toDecisionResponse(stored.decision, audience),
  };
}
