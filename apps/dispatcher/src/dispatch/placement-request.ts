import {
  registryOf,
  seenByTenant,
  tenantText,
  type AvoidedProviders,
  type PlacementDecision,
  type PlacementRequest,
} from '@image-factory/domain';
import type { ClaimedExecution } from '@image-factory/persistence';

/** Most rejected providers that a parked build's message names. */
const NAMED = 5;

/** What placement has to know about a claimed build. */
export function placementRequest(claimed: ClaimedExecution, avoided: AvoidedProviders): PlacementRequest {
  const { tenantId, projectId, buildMethod, infrastructureType, requirements, resources } = claimed;
  const { requestedProviderId, imageRepository } = claimed;
  return {
    tenantId,
    projectId,
    buildMethod,
    infrastructureType,
    requirements,
    resources,
    avoided,
    ...(requestedProviderId === undefined ? {} : { providerId: requestedProviderId }),
    ...(imageRepository === undefined ? {} : { registry: registryOf(imageRepository) }),
  };
}

/**
 * What a build without a provider is told: nothing of providers that its tenant may not know of, and of the others what
 * a tenant may read. The stored decision has the whole.
 */
export function noProviderMessage(decision: PlacementDecision, named: string | undefined): string {
  const seen = seenByTenant(decision);
  const why = seen.rejected
    .slice(0, NAMED)
    .map(({ name, reason, message }) => `${name} ${tenantText(reason, message)} (${reason})`);
  const others = seen.more.reduce((sum, { count }) => sum + count, seen.rejected.length - why.length);
  if (others > 0) why.push(`and ${others} more`);
  if (named !== undefined && why.length === 0) return `the named provider ${named} does not exist any more`;
  if (why.length > 0) return `no provider may take it now: ${why.join('; ')}`;
  return 'there is no provider for this tenant; an administrator registers one or grants one to it';
}
