import { DomainError, isDomainError } from '@image-factory/domain';
import { errorCode, isAbort, networkError } from './network-error.js';
import type { RequestOutcome, RequestSubject } from './request-subject.js';
import { responseError } from './response-error.js';

/**
 * The one translation of Kubernetes and network errors: the typed client's ApiException, undici's and node's transport
 * errors, aborts. Every result carries `details.outcome` ({@link RequestOutcome}). A DomainError passes unchanged.
 */
export function toDomainError(error: unknown, subject: RequestSubject = {}): DomainError {
  if (isDomainError(error)) return error;
  const wrapped = causeDomainError(error);
  if (wrapped !== undefined) return wrapped;
  if (isApiException(error)) {
    return responseError({ status: error.code, body: error.body, headers: error.headers ?? {} }, subject);
  }
  if (isAbort(error) || errorCode(error) !== undefined || error instanceof TypeError) {
    return networkError(error, subject);
  }
  return new DomainError({
    kind: 'Internal',
    reason: 'Internal',
    message: 'A request to an API server failed in an unexpected way.',
    cause: error,
    details: { outcome: subject.sent === false ? 'notSent' : 'unknown' },
  });
}

/** What became of a failed request; `unknown` when the error does not say. */
export function outcomeOf(error: unknown): RequestOutcome {
  const outcome = isDomainError(error) ? error.details['outcome'] : undefined;
  return outcome === 'notSent' || outcome === 'refused' ? outcome : 'unknown';
}

/** An egress refusal that undici or fetch wrapped. */
function causeDomainError(error: unknown): DomainError | undefined {
  let current: unknown = error;
  for (let depth = 0; depth < 5 && current instanceof Error; depth += 1) {
    if (isDomainError(current)) return current;
    if (current instanceof AggregateError) {
      const inner = current.errors.find((one) => isDomainError(one));
      if (inner !== undefined) return inner;
    }
    current = current.cause;
  }
  return undefined;
}

function isApiException(
  error: unknown,
): error is Error & { code: number; body: unknown; headers?: Record<string, string> } {
  return error instanceof Error && typeof (error as { code?: unknown }).code === 'number' && 'body' in error;
}
