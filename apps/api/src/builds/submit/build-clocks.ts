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

/** A build's limits: its own, else its project's, never more than the tenant and the installation allow. */
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
      request.queue_timeout_minutes ?? project.queueTimeoutMinutes,
    ),
    startLimitMinutes: lowestLimit(most.startLimitMinutes, request.start_limit_minutes ?? project.startLimitMinutes),
  };
}
