import { type ClockLimits, lowestLimit } from '@image-factory/domain';
import type { NewBuild, Project, Tenant } from '@image-factory/persistence';
import type { SubmitBuildRequest } from './submit-build.request.js';

export type BuildClocks = Pick<NewBuild, 'buildTimeoutMinutes' | 'queueTimeoutMinutes' | 'startLimitMinutes'>;

/** The highest limits that a build of this tenant may name: the installation's, lowered by the tenant's. Minutes. */
export function highestClocks(tenant: Tenant, installation: ClockLimits): BuildClocks {
  return {
    buildTimeoutMinutes: lowestLimit(installation.runMinutes, tenant.maxBuildTimeoutMinutes),
    queueTimeoutMinutes: lowestLimit(installation.queueMinutes, tenant.queueTimeoutMinutes),
    startLimitMinutes: lowestLimit(installation.startMinutes, tenant.startLimitMinutes),
  };
}

/**
 * A build's limits: installation, tenant, project and build may each lower them. Only `build_timeout_minutes` of the
 * project is what builds get that name nothing: every project has one, 30 unless somebody set it.
 */
export function buildClocks(
  request: SubmitBuildRequest,
  project: Project,
  tenant: Tenant,
  installation: ClockLimits,
): BuildClocks {
  const most = highestClocks(tenant, installation);
  return {
    buildTimeoutMinutes: lowestLimit(
      most.buildTimeoutMinutes,
      request.build_timeout_minutes ?? project.buildTimeoutMinutes,
    ),
    queueTimeoutMinutes: lowestLimit(
      most.queueTimeoutMinutes,
      project.queueTimeoutMinutes,
      request.queue_timeout_minutes,
    ),
    startLimitMinutes: lowestLimit(most.startLimitMinutes, project.startLimitMinutes, request.start_limit_minutes),
  };
}
