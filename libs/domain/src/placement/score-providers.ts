import type { Provider } from '../provider/provider.js';
import { loadBounds, ringDistances, type RingMember } from './bounded-hash.js';
import { SCORE_PARTS, type ScorePart, type ScoreParts } from './placement-decision.js';
import type { PlacementFacts, PlacementRequest, ProviderHistory } from './placement-request.js';
import { regionOf } from './provider-features.js';

/** What each part of a score is worth; only the parts that say something about a choice count. */
export const SCORE_WEIGHTS: Readonly<Record<ScorePart, number>> = {
  warmth: 30,
  headroom: 20,
  reliability: 20,
  start: 10,
  region: 10,
  price: 15,
  spread: 5,
};

/** A provider without a limit counts as half full with so many builds. */
const HALF_FULL = 50;
/** Failures weigh less while there are few attempts to judge by. */
const DOUBT = 4;
/** A start that takes so long is half as good as none. */
const HALF_START_SECONDS = 60;

export interface Score {
  readonly score: number;
  readonly parts: ScoreParts;
  readonly overShare: boolean;
}

/** Scores providers that are eligible and of one rank against each other, in the order that they come in. */
export function scoreProviders(
  providers: readonly Provider[],
  request: PlacementRequest,
  facts: PlacementFacts,
): Score[] {
  const members = ringMembers(providers);
  const bounds = loadBounds(members);
  const warmth = request.projectId === undefined ? undefined : warmthOf(request.projectId, members);
  const prices = priceRange(providers);
  const ofTenant = providers.map(({ id }) => facts.history?.get(id)?.runningByTenant.get(request.tenantId) ?? 0);
  const ofTenantInAll = ofTenant.reduce((sum, running) => sum + running, 0);
  const wanted = request.requirements?.preferredRegion;
  return providers.map((provider, index) => {
    const history = facts.history?.get(provider.id);
    // One object, filled in one order: hundreds of them are made for each choice.
    const parts: { -readonly [Part in ScorePart]?: number } = {};
    if (warmth !== undefined) parts.warmth = rounded(warmth[index] ?? 0);
    parts.headroom = rounded(headroomOf(provider));
    parts.reliability = rounded(reliabilityOf(history));
    parts.start = rounded(HALF_START_SECONDS / (HALF_START_SECONDS + (history?.startSeconds ?? 0)));
    if (wanted !== undefined) parts.region = regionOf(provider) === wanted ? 1 : 0;
    if (prices !== undefined) parts.price = rounded(cheapness(provider.pricePerMinute, prices));
    parts.spread = ofTenantInAll === 0 ? 1 : rounded(1 - (ofTenant[index] ?? 0) / ofTenantInAll);
    return { score: weighted(parts), parts, overShare: provider.running + 1 > (bounds[index] ?? 0) };
  });
}

/** One without a limit has the mean share of those that have one. */
function ringMembers(providers: readonly Provider[]): RingMember[] {
  const limits = providers.flatMap(({ maxConcurrentBuilds: limit }) => (limit > 0 ? [limit] : []));
  const usual = limits.length === 0 ? 1 : limits.reduce((sum, limit) => sum + limit, 0) / limits.length;
  return providers.map(({ id, running, maxConcurrentBuilds: limit }) => ({
    id,
    running,
    weight: limit > 0 ? limit : usual,
  }));
}

/** 1 for the project's home on the ring, then a half, a third and so on: where it would go next. */
function warmthOf(projectId: string, members: readonly RingMember[]): number[] {
  const distances = ringDistances(projectId, members);
  const order = members.map((_, index) => index);
  order.sort((a, b) => (distances[a] ?? 0) - (distances[b] ?? 0) || (idOf(members, a) < idOf(members, b) ? -1 : 1));
  const warmth = new Array<number>(members.length).fill(0);
  order.forEach((member, position) => (warmth[member] = 1 / (1 + position)));
  return warmth;
}

function idOf(members: readonly RingMember[], index: number): string {
  return members[index]?.id ?? '';
}

function headroomOf({ maxConcurrentBuilds: limit, running }: Provider): number {
  return limit > 0 ? Math.max(0, 1 - running / limit) : HALF_FULL / (HALF_FULL + running);
}

function reliabilityOf(history: ProviderHistory | undefined): number {
  return history === undefined ? 1 : 1 - history.failed / (history.ended + DOUBT);
}

interface PriceRange {
  readonly lowest: number;
  readonly highest: number;
}

function priceRange(providers: readonly Provider[]): PriceRange | undefined {
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (const { pricePerMinute: price } of providers) {
    if (price === undefined) continue;
    lowest = Math.min(lowest, price);
    highest = Math.max(highest, price);
  }
  return highest >= lowest ? { lowest, highest } : undefined;
}

/** 1 for the cheapest, 0 for the dearest; one without a price stands between them. */
function cheapness(price: number | undefined, { lowest, highest }: PriceRange): number {
  if (price === undefined) return 0.5;
  return highest === lowest ? 1 : (highest - price) / (highest - lowest);
}

function weighted(parts: ScoreParts): number {
  let sum = 0;
  let weights = 0;
  for (const part of SCORE_PARTS) {
    const value = parts[part];
    if (value === undefined) continue;
    sum += SCORE_WEIGHTS[part] * value;
    weights += SCORE_WEIGHTS[part];
  }
  return rounded(sum / weights);
}

/** To four decimals: what is shown is what was compared. */
function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
