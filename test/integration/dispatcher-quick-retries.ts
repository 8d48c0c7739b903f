import {
  FAILURE_CLASSES,
  RETRY_DEFAULTS,
  type FailureClass,
  type RetryLimits,
  type RetryPolicy,
} from '@image-factory/domain';

/** The real table of retries, with waits that a test can sit through. */
export const QUICK_RETRIES: RetryLimits = {
  ...RETRY_DEFAULTS,
  policies: Object.fromEntries(
    FAILURE_CLASSES.map((name) => [name, { ...RETRY_DEFAULTS.policies[name], backOff: { baseMs: 40, capMs: 200 } }]),
  ) as Record<FailureClass, RetryPolicy>,
};
