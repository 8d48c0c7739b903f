import { BUILD_METHODS, type ClockLimits } from '@image-factory/domain';
import type { Tenant } from '@image-factory/persistence';
import { highestClocks } from './build-clocks.js';
import type { BuildFields } from './submit-build.request.js';
import { requirementsIssues } from './requirements-issues.js';
import { type SubmissionIssue, submissionIssue } from './submission-issue.js';

/** What goes beyond the tenant's limits. Only well-typed fields are looked at. */
export function tenantLimitIssues(request: BuildFields, tenant: Tenant, installation: ClockLimits): SubmissionIssue[] {
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
  const highest = highestClocks(tenant, installation);
  const clocks = [
    ['build_timeout_minutes', highest.buildTimeoutMinutes],
    ['queue_timeout_minutes', highest.queueTimeoutMinutes],
    ['start_limit_minutes', highest.startLimitMinutes],
  ] as const;
  for (const [field, most] of clocks) {
    const minutes = request[field];
    if (typeof minutes === 'number' && minutes > most) {
      issues.push(submissionIssue(field, 'ValidationFailed', `must be at most ${most}, the tenant's limit`));
    }
  }
  return issues;
}
