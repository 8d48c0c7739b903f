import { isDomainError, type Reason } from '@image-factory/domain';

/** Why a part of a probe failed. */
export interface ProbeFailure {
  readonly reason: Reason;
  readonly message: string;
}

/** Time that is left for a probe, and a clock for its parts. Milliseconds. */
export interface ProbeTime {
  readonly nowMs: () => number;
  /** Of `nowMs`: no request of the probe lasts longer. */
  readonly deadlineMs: number;
}

/** What is left of the probe's time, for one request. */
export function timeLeftMs({ nowMs, deadlineMs }: ProbeTime): number {
  return Math.max(1, Math.round(deadlineMs - nowMs()));
}

/** An error of a part as a Condition shows it. */
export function failureOf(error: unknown): ProbeFailure {
  return isDomainError(error)
    ? { reason: error.reason, message: error.message }
    : { reason: 'Internal', message: 'The probe failed in an unexpected way.' };
}
