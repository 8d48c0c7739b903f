import {
  type InfrastructureType,
  infrastructureTypeOf,
  isShared,
  neverEligible,
  type PlacementRequest,
} from '@image-factory/domain';
import type { SubmissionFacts } from './submission-facts.js';
import { type SubmissionIssue, submissionIssue } from './submission-issue.js';

/** Where a build wants to run. */
export interface InfrastructureChoice {
  readonly infrastructureType: InfrastructureType;
  readonly providerId: string | undefined;
}

/**
 * Whether this tenant may ask for that infrastructure. A kubernetes build while Tekton is disabled is refused, never
 * run elsewhere. Health and limits are placement's: they pass by themselves, these do not.
 */
export function infrastructureIssues(
  choice: InfrastructureChoice,
  facts: SubmissionFacts,
  tektonEnabled: boolean,
): SubmissionIssue[] {
  const { infrastructureType, providerId } = choice;
  if (infrastructureType === 'kubernetes' && !tektonEnabled) {
    return [
      submissionIssue(
        'infrastructure_type',
        'TektonDisabled',
        'is kubernetes, and Tekton is disabled here: the operator sets IF_BUILD_TEKTON_ENABLED=true, or you send local',
      ),
    ];
  }
  if (infrastructureType === 'kubernetes' && !facts.tenant.tektonEnabled) {
    return [
      submissionIssue('infrastructure_type', 'TektonDisabled', 'is kubernetes, and Tekton is disabled for this tenant'),
    ];
  }
  if (providerId !== undefined) return namedProviderIssues(infrastructureType, providerId, facts);
  return infrastructureType === 'local' ? localIssues(facts) : [];
}

/**
 * What a build asks for and no provider of its tenant offers, were all of them healthy and idle: waiting would not help.
 * A tenant that has no provider for such builds at all may get one; its builds wait.
 */
export function requirementIssues(request: PlacementRequest, facts: SubmissionFacts): SubmissionIssue[] {
  return neverEligible(request, facts).map(({ field, reason, message }) => submissionIssue(field, reason, message));
}

function namedProviderIssues(type: InfrastructureType, providerId: string, facts: SubmissionFacts): SubmissionIssue[] {
  const path = 'infrastructure_provider_id';
  const provider = facts.providers.find((candidate) => candidate.id === providerId);
  const granted = facts.grantedProviderIds.has(providerId);
  // One answer for both, whoever asks: a tenant does not learn which ids are those of providers.
  if (provider === undefined || (!granted && !isShared(provider))) {
    return [
      submissionIssue(
        path,
        'ProviderNotFound',
        'names no provider that this tenant may use; an admin grants one with ' +
          'POST /api/v1/admin/infrastructure/providers/{id}/permissions',
      ),
    ];
  }
  if (infrastructureTypeOf(provider.type) !== type) {
    return [
      submissionIssue(path, 'ProviderTypeMismatch', `is a ${provider.type} provider; the build asks for ${type}`),
    ];
  }
  return provider.state === 'disabled' ? [submissionIssue(path, 'ProviderDisabled', 'is disabled')] : [];
}

/** Builds run code on that host: only for tenants to whom an enabled local provider is granted. */
function localIssues(facts: SubmissionFacts): SubmissionIssue[] {
  const usable = facts.providers.some(
    (provider) =>
      provider.type === 'local' && provider.state !== 'disabled' && facts.grantedProviderIds.has(provider.id),
  );
  if (usable) return [];
  return [
    submissionIssue(
      'infrastructure_type',
      'ProviderNotGranted',
      'is local, and no enabled local provider is granted to this tenant; an admin creates one with ' +
        'POST /api/v1/admin/infrastructure/providers (provider_type local) and grants it with POST …/{id}/permissions',
    ),
  ];
}
