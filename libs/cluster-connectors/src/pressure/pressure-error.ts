import { DomainError, isDomainError } from '@image-factory/domain';
import { outcomeOf } from '../error/kube-error.js';
import { isFromNode, type RequestClass } from './request-class.js';

/** What a failure says about the server: it has too much, it is not there, it answered, or nothing. */
export type FailureVerdict = 'throttled' | 'failed' | 'answered' | 'unknown';

/** Reads a failure of a request that was not stopped by its caller. */
export function verdictOf(error: unknown, requestClass: RequestClass): FailureVerdict {
  if (!isDomainError(error)) return 'answered';
  const verdict = verdictOfReason(error);
  const isNodes = isFromNode(requestClass) && outcomeOf(error) !== 'notSent';
  return isNodes && verdict !== 'answered' ? 'unknown' : verdict;
}

function verdictOfReason(error: DomainError): FailureVerdict {
  switch (error.reason) {
    case 'ClusterThrottled':
      return 'throttled';
    case 'ClusterUnreachable':
    case 'ClusterEndpointPrivate':
    case 'ClusterTlsFailed':
      return 'failed';
    case 'ClusterUnavailable':
      // Those that certainly were not applied are the answer of a server that works.
      return outcomeOf(error) === 'unknown' ? 'failed' : 'answered';
    default:
      return 'answered';
  }
}

/** A request that did not get its turn: nothing was sent. */
export function throttled(requestClass: RequestClass, retryAfterMs: number): DomainError {
  return new DomainError({
    kind: 'Unavailable',
    reason: 'ClusterThrottled',
    fault: 'cluster',
    retryable: true,
    message: `More requests (${requestClass}) wait for the API server than it takes now; nothing was sent.`,
    retryAfterSeconds: seconds(retryAfterMs),
    details: { outcome: 'notSent' },
  });
}

/** A request that the breaker kept away: nothing was sent. The reason is the one of the last failure. */
export function keptAway(last: unknown, retryAfterMs: number): DomainError {
  const reason = isDomainError(last) ? last.reason : 'ClusterUnreachable';
  return new DomainError({
    kind: 'Unavailable',
    reason,
    fault: 'cluster',
    retryable: true,
    message: 'The API server has not answered lately, so nothing was sent; it is tried again by itself.',
    retryAfterSeconds: seconds(retryAfterMs),
    details: { outcome: 'notSent' },
  });
}

/** Whether a breaker kept it away until a time that it says. A turn that did not come is none: a list may have had others. */
export function isKeptAway(error: unknown): boolean {
  if (!isDomainError(error) || error.reason === 'ClusterThrottled') return false;
  return error.retryAfterSeconds !== undefined && outcomeOf(error) === 'notSent';
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}
