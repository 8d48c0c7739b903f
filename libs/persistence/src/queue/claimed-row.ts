import { requirementsOf, type BuildMethod, type InfrastructureType } from '@image-factory/domain';
import { toBuildConfig } from '../build/build-row.js';
import { toBuildResources, type ResourcesRow } from '../build/resources-row.js';
import type { ClaimedExecution } from './claimed-execution.js';

/** A row of CLAIM_WRITE. */
export interface ClaimedRow extends ResourcesRow {
  readonly execution_id: string;
  readonly claim_token: string;
  readonly build_id: string;
  readonly tenant_id: string;
  readonly project_id: string;
  readonly build_number: number;
  readonly attempt: number;
  readonly bounces: number;
  readonly build_method: BuildMethod;
  readonly infrastructure_type: InfrastructureType;
  readonly requested_provider_id: string | null;
  readonly git_branch: string | null;
  readonly git_commit: string | null;
  readonly image_repository: string | null;
  readonly build_timeout_minutes: number;
  readonly start_limit_minutes: number;
  readonly traceparent: string | null;
  readonly waited_seconds: number;
  readonly config: Record<string, unknown>;
  readonly git_repository_url: string;
  readonly registry_auth_id: string | null;
  readonly repository_auth_id: string | null;
  readonly requirements: unknown;
  readonly tekton_enabled: boolean;
  readonly allowed_methods: BuildMethod[];
}

export function toClaimed(row: ClaimedRow): ClaimedExecution {
  return {
    executionId: row.execution_id,
    claimToken: row.claim_token,
    buildId: row.build_id,
    tenantId: row.tenant_id,
    projectId: row.project_id,
    buildNumber: row.build_number,
    attempt: row.attempt,
    bounces: row.bounces,
    buildMethod: row.build_method,
    infrastructureType: row.infrastructure_type,
    requestedProviderId: row.requested_provider_id ?? undefined,
    config: toBuildConfig(row.config),
    gitRepositoryUrl: row.git_repository_url,
    gitBranch: row.git_branch ?? undefined,
    gitCommit: row.git_commit ?? undefined,
    imageRepository: row.image_repository ?? undefined,
    registryAuthId: row.registry_auth_id ?? undefined,
    repositoryAuthId: row.repository_auth_id ?? undefined,
    buildTimeoutMinutes: row.build_timeout_minutes,
    startLimitMinutes: row.start_limit_minutes,
    resources: toBuildResources(row),
    requirements: requirementsOf(row.requirements),
    traceparent: row.traceparent ?? undefined,
    waitedSeconds: row.waited_seconds,
    tektonEnabledForTenant: row.tekton_enabled,
    allowedMethods: row.allowed_methods,
  };
}
