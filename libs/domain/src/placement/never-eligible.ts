import type { Provider } from '../provider/provider.js';
import { firstRefusal, PLACEMENT_FILTERS, type Refusal } from './placement-filters.js';
import { filterInput } from './choose-provider.js';
import type { PlacementFacts, PlacementRequest } from './placement-request.js';

/** What a build asks for and no provider of its tenant offers. */
export interface Unsatisfiable extends Refusal {
  /** The field of the submission that asks for it. */
  readonly field: string;
}

const LASTING = PLACEMENT_FILTERS.filter((filter) => filter.lasting);
const ASKED = LASTING.filter(({ field }) => field !== undefined && field !== 'infrastructure_type');

/**
 * What stands in the way for good: empty when some provider would take the build were all of them healthy and idle, and
 * also when the tenant has no provider for such builds at all (one may be registered; the build waits for it). Each
 * field is told that no provider satisfies by itself; when each is satisfied by some provider, those that refuse.
 */
export function neverEligible(request: PlacementRequest, facts: PlacementFacts): Unsatisfiable[] {
  const others = LASTING.filter((filter) => !ASKED.includes(filter));
  const usable = facts.providers.filter(
    (provider) =>
      (request.providerId === undefined || provider.id === request.providerId) &&
      firstRefusal(filterInput(provider, facts), request, others) === undefined,
  );
  if (usable.length === 0) return [];
  const refusals = usable.map((provider) => refusalsOf(provider, request, facts));
  if (refusals.some((ofOne) => ofOne.length === 0)) return [];
  const byAll = (refusals[0] ?? []).filter(({ field }) =>
    refusals.every((ofOne) => ofOne.some((one) => one.field === field)),
  );
  const told = byAll.length > 0 ? byAll : firstOfEachField(refusals.flat());
  return told.map((one) => ({ ...one, message: sentence(one, byAll.length > 0, usable.length) }));
}

function refusalsOf(provider: Provider, request: PlacementRequest, facts: PlacementFacts): Unsatisfiable[] {
  const input = filterInput(provider, facts);
  return ASKED.flatMap(({ field, refuse }) => {
    const refusal = refuse(input, request);
    return refusal === undefined || field === undefined ? [] : [{ ...refusal, field }];
  });
}

function firstOfEachField(refusals: readonly Unsatisfiable[]): Unsatisfiable[] {
  return refusals.filter((one, index) => refusals.findIndex(({ field }) => field === one.field) === index);
}

function sentence({ message }: Refusal, byAll: boolean, providers: number): string {
  const whose =
    providers === 1 ? 'the one provider of this tenant' : `each of the ${providers} providers of this tenant`;
  return byAll
    ? `cannot be satisfied: ${whose} ${message}`
    : `cannot be satisfied together with the other requirements: a provider that offers those ${message}`;
}
