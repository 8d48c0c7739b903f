import type { Provider } from '../provider/provider.js';
import {
  PLACEMENT_BASES,
  type PlacementBasis,
  type PlacementDecision,
  type RejectedProvider,
  type ScoredProvider,
} from './placement-decision.js';
import { firstRefusal, PLACEMENT_FILTERS, type FilterInput, type PlacementFilter } from './placement-filters.js';
import type { PlacementFacts, PlacementRequest } from './placement-request.js';
import { scoreProviders } from './score-providers.js';

/**
 * One provider, or none, with the reason of every one that was passed over. Pure: equal inputs give equal choices, in
 * whatever order providers come.
 *
 * Filters first. Then the order without a named provider: the default cluster, global ones, the environment's, then
 * those granted to the tenant. Inside a rank those that have no more than their share of what runs come first, then the
 * best score, ties by name and id. One that is to be avoided is passed over while another is eligible; when all are, the
 * one whose failure is longest ago comes first.
 */
export function chooseProvider(
  request: PlacementRequest,
  facts: PlacementFacts,
  filters: readonly PlacementFilter[] = PLACEMENT_FILTERS,
): PlacementDecision {
  const rejected: RejectedProvider[] = [];
  const eligible: Provider[] = [];
  for (const provider of facts.providers) {
    if (request.providerId !== undefined && provider.id !== request.providerId) continue;
    const refusal = firstRefusal(filterInput(provider, facts), request, filters);
    if (refusal === undefined) eligible.push(provider);
    else rejected.push({ ...named(provider), reason: refusal.reason, message: refusal.message });
  }
  const fresh = leastFailed(eligible, request, rejected);
  const contenders = ofFirstRank(fresh, request, rejected);
  const candidates = ranked(contenders, request, facts);
  return { chosen: candidates[0], candidates, rejected, more: [] };
}

/** What the filters are asked about a provider. */
export function filterInput(
  provider: Provider,
  { grantedProviderIds, history, openBreakers }: PlacementFacts,
): FilterInput {
  return {
    provider,
    granted: grantedProviderIds.has(provider.id),
    known: {
      features: provider,
      history: history?.get(provider.id),
      breakerOpen: openBreakers?.has(provider.id) === true,
    },
  };
}

function named({ id, name }: Provider): Pick<RejectedProvider, 'providerId' | 'name'> {
  return { providerId: id, name };
}

function leastFailed(
  eligible: readonly Provider[],
  { avoided }: PlacementRequest,
  rejected: RejectedProvider[],
): readonly Provider[] {
  if (avoided === undefined || avoided.size === 0) return eligible;
  const failedIn = ({ id }: Provider): number => avoided.get(id)?.attempt ?? 0;
  const least = Math.min(...eligible.map(failedIn));
  for (const provider of eligible) {
    if (failedIn(provider) === least) continue;
    const message = avoided.get(provider.id)?.message ?? '';
    rejected.push({ ...named(provider), reason: 'ProviderAvoided', message });
  }
  return eligible.filter((provider) => failedIn(provider) === least);
}

function ofFirstRank(
  providers: readonly Provider[],
  request: PlacementRequest,
  rejected: RejectedProvider[],
): readonly Provider[] {
  const ranks = providers.map((provider) => PLACEMENT_BASES.indexOf(basisOf(provider, request)));
  const first = Math.min(...ranks);
  const basis = PLACEMENT_BASES[first];
  if (ranks.every((rank) => rank === first)) return providers;
  providers.forEach((provider, index) => {
    if (ranks[index] === first) return;
    const message = `is eligible as ${basisOf(provider, request)}, which comes after ${basis}`;
    rejected.push({ ...named(provider), reason: 'ProviderOutranked', message });
  });
  return providers.filter((_, index) => ranks[index] === first);
}

function basisOf(provider: Provider, request: PlacementRequest): PlacementBasis {
  if (request.providerId !== undefined) return 'named';
  if (provider.isDefault) return 'default_cluster';
  if (provider.isGlobal) return 'is_global';
  if (provider.source === 'environment') return 'environment';
  return 'granted';
}

function ranked(providers: readonly Provider[], request: PlacementRequest, facts: PlacementFacts): ScoredProvider[] {
  if (providers.length === 0) return [];
  const scores = scoreProviders(providers, request, facts);
  const scored = providers.flatMap((provider, index): ScoredProvider[] => {
    const scoring = scores[index];
    if (scoring === undefined) return [];
    const { score, parts, overShare } = scoring;
    const { id, name } = provider;
    return [{ providerId: id, name, basis: basisOf(provider, request), score, parts, overShare }];
  });
  return scored.sort(
    (a, b) =>
      Number(a.overShare) - Number(b.overShare) ||
      b.score - a.score ||
      compareTexts(a.name, b.name) ||
      compareTexts(a.providerId, b.providerId),
  );
}

/** By UTF-16 units: the same in every locale. */
function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
