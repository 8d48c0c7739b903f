import type { Reason } from '../errors/reasons.js';

/** Which rule of product.md's order made the choice. */
export const PLACEMENT_BASES = ['named', 'default_cluster', 'is_global', 'environment', 'granted'] as const;
export type PlacementBasis = (typeof PLACEMENT_BASES)[number];

/** The parts of a score, each from 0 (worst) to 1; a part that says nothing about this choice is left out. */
export const SCORE_PARTS = ['warmth', 'headroom', 'reliability', 'start', 'region', 'price', 'spread'] as const;
export type ScorePart = (typeof SCORE_PARTS)[number];
export type ScoreParts = Readonly<Partial<Record<ScorePart, number>>>;

export interface ScoredProvider {
  readonly providerId: string;
  readonly name: string;
  readonly basis: PlacementBasis;
  /** From 0 to 1: the weighted mean of its parts. */
  readonly score: number;
  readonly parts: ScoreParts;
  /** It has more than its share of what runs, so that one with less goes first. */
  readonly overShare: boolean;
}

export interface RejectedProvider {
  readonly providerId: string;
  readonly name: string;
  readonly reason: Reason;
  readonly message: string;
}

/** Rejected providers beyond those that are listed one by one. */
export interface RejectedGroup {
  readonly reason: Reason;
  readonly count: number;
  readonly providerIds: readonly string[];
}

/** One provider or none, with what was said about every other. */
export interface PlacementDecision {
  readonly chosen: ScoredProvider | undefined;
  /** Those of the chosen one's rank, the best first; the chosen one is the first of them. */
  readonly candidates: readonly ScoredProvider[];
  readonly rejected: readonly RejectedProvider[];
  readonly more: readonly RejectedGroup[];
}

const MAX_CANDIDATES = 20;
const MAX_REJECTED = 100;
const MAX_GROUP_IDS = 1_000;

/**
 * The decision in a size that may be stored for each attempt: a hundred rejected providers with their messages, those
 * beyond by reason and id. What is not granted to the tenant comes last, so that its own are never the ones cut.
 */
export function boundedDecision(decision: PlacementDecision): PlacementDecision {
  const { candidates, rejected, more } = decision;
  if (candidates.length <= MAX_CANDIDATES && rejected.length <= MAX_REJECTED) return decision;
  const known = rejected.filter(({ reason }) => reason !== 'ProviderNotGranted');
  const unknown = rejected.filter(({ reason }) => reason === 'ProviderNotGranted');
  const ordered = [...known, ...unknown];
  return {
    chosen: decision.chosen,
    candidates: candidates.slice(0, MAX_CANDIDATES),
    rejected: ordered.slice(0, MAX_REJECTED),
    more: [...more, ...grouped(ordered.slice(MAX_REJECTED))],
  };
}

function grouped(rejected: readonly RejectedProvider[]): RejectedGroup[] {
  const ids = new Map<Reason, string[]>();
  for (const { reason, providerId } of rejected) {
    const group = ids.get(reason);
    if (group === undefined) ids.set(reason, [providerId]);
    else group.push(providerId);
  }
  return [...ids].map(([reason, all]) => ({ reason, count: all.length, providerIds: all.slice(0, MAX_GROUP_IDS) }));
}

/** A decision without the providers that are not the tenant's to know of: those that were not granted to it. */
export function seenByTenant(decision: PlacementDecision): PlacementDecision {
  const known = ({ reason }: { readonly reason: Reason }): boolean => reason !== 'ProviderNotGranted';
  return { ...decision, rejected: decision.rejected.filter(known), more: decision.more.filter(known) };
}
