import { DomainError, type Issue, type Reason } from '@image-factory/domain';

/** One thing that is wrong with a submission, with the machine word for it. */
export interface SubmissionIssue extends Issue {
  readonly reason: Reason;
}

export function submissionIssue(path: string, reason: Reason, message: string): SubmissionIssue {
  return { path, reason, message };
}

/** All issues in one error: its reason is theirs when they agree, else ValidationFailed. */
export function submissionRefused(issues: readonly SubmissionIssue[]): DomainError {
  const reasons = new Set(issues.map((issue) => issue.reason));
  const [first] = issues;
  return new DomainError({
    kind: 'InvalidInput',
    reason: reasons.size === 1 && first !== undefined ? first.reason : 'ValidationFailed',
    message:
      issues.length === 1 && first !== undefined
        ? `the build is not valid: ${first.path} ${first.message}`
        : `the build is not valid: ${issues.length} things are wrong, see errors`,
    issues: issues.map(({ path, message }) => ({ path, message })),
  });
}
