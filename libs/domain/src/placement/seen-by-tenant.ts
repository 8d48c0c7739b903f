import type { PlacementDecision } from './choose-provider.js';

/** A decision without the providers that are not the tenant's to know of: those that were not granted to it. */
export function seenByTenant(decision: PlacementDecision): PlacementDecision {
  return { ...decision, rejected: decision.rejected.filter(({ reason }) => reason !== 'ProviderNotGranted') };
}
