import { BUILD_METHODS } from '@image-factory/domain';
import type { Project, Tenant } from '@image-factory/persistence';
import type { SubmitBuildRequest } from './submit-build.request.js';
import { requirementsIssues } from './requirements-issues.js';
import { type SubmissionIssue, submissionIssue } from './submission-issue.js';

/** What goes beyond the tenant's limits. Only well-typed fields are looked at. */
export function tenantLimitIssues(request: SubmitBuildRequest, tenant: Tenant): SubmissionIssue[] {
  const issues = requirementsIssues(request.requirements, tenant);
  const { build_method: method, priority } = request;
  if (BUILD_METHODS.includes(method) && !tenant.allowedMethods.includes(method)) {
    const allowed = tenant.allowedMethods.join(', ') || 'none';
    issues.push(
      submissionIssue(
        'build_method',
        'MethodNotAllowedForTenant',
        `is not allowed for this tenant, which may use: ${allowed}`,
      ),
    );
  }
  if (typeof priority === 'number' && priority > tenant.maxPriority) {
    issues.push(
      submissionIssue(
        'priority',
        'ValidationFailed',
        `must be at most ${tenant.maxPriority}, the tenant's max_priority`,
      ),
    );
  }
  const clocks = [
    ['build_timeout_minutes', tenant.maxBuildTimeoutMinutes],
    ['queue_timeout_minutes', tenant.queueTimeoutMinutes],
  ] as const;
  for (const [field, most] of clocks) {
    const minutes = request[field];
    if (typeof minutes === 'number' && minutes > most) {
      issues.push(submissionIssue(field, 'ValidationFailed', `must be at most ${most}, the tenant's limit`));
    }
  }
  return issues;
}

/** The run limit of a build: its own, else the project's, never more than the tenant's. */
export function buildTimeoutOf(request: SubmitBuildRequest, project: Project, tenant: Tenant): number {
  return request.build_timeout_minutes ?? Math.min(project.buildTimeoutMinutes, tenant.maxBuildTimeoutMinutes);
}
