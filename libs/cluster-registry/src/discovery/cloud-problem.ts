import { DomainError, isDomainError, type Reason } from '@image-factory/domain';
import type { DiscoveryProblem } from './found-cluster.js';

/** Words of the clouds for what we have a reason for. */
const REASON_OF: Readonly<Record<string, Reason>> = {
  AccessDenied: 'CloudAccessDenied',
  AccessDeniedException: 'CloudAccessDenied',
  UnauthorizedOperation: 'CloudAccessDenied',
  // What a region answers that the account has not enabled.
  UnrecognizedClientException: 'CloudAccessDenied',
  InvalidClientTokenId: 'CloudAccessDenied',
  SignatureDoesNotMatch: 'CloudAccessDenied',
  InvalidSignatureException: 'CloudAccessDenied',
  ExpiredToken: 'CloudCredentialExpired',
  ExpiredTokenException: 'CloudCredentialExpired',
  CredentialsProviderError: 'CloudCredentialMissing',
  CredentialUnavailableError: 'CloudCredentialMissing',
  AuthenticationRequiredError: 'CloudCredentialMissing',
  AggregateAuthenticationError: 'CloudCredentialMissing',
  Throttling: 'CloudThrottled',
  ThrottlingException: 'CloudThrottled',
  TooManyRequestsException: 'CloudThrottled',
  ResourceNotFoundException: 'CloudClusterNotFound',
};

const ADVICE: Readonly<Partial<Record<Reason, string>>> = {
  CloudAccessDenied: 'give the identity the right to list and describe clusters there, or leave the scope out',
  CloudCredentialExpired: 'renew the credential of the process',
  CloudCredentialMissing: 'give the process a credential for this cloud',
  CloudThrottled: 'discover less often, or fewer scopes',
  CloudClusterNotFound: 'check its name and place',
};

/**
 * A refusal of a cloud in our own words. The text of a library's error may hold a request with its credential, so only
 * the error's name is kept.
 */
export function cloudProblem(error: unknown, what: string): DiscoveryProblem {
  if (isDomainError(error)) return { reason: error.reason, message: error.message };
  const word = printable(errorName(error));
  const aborted = word === 'AbortError' || word === 'TimeoutError';
  const reason = REASON_OF[word] ?? 'CloudUnavailable';
  const why = aborted ? 'it took too long' : word;
  return { reason, message: sentence(`${what} could not be asked (${why})`, reason) };
}

/** An HTTP refusal of a REST API. `code` is a word of the cloud's closed list. */
export function restError(what: string, status: number, code: string | undefined): DomainError {
  const reason = statusReason(status);
  const word = code === undefined ? `HTTP ${status}` : `HTTP ${status}, ${printable(code)}`;
  return new DomainError({
    kind:
      reason === 'CloudAccessDenied' ? 'NotAllowed' : reason === 'CloudClusterNotFound' ? 'NotFound' : 'Unavailable',
    reason,
    message: sentence(`${what} was refused (${word})`, reason),
    retryable: reason === 'CloudThrottled' || reason === 'CloudUnavailable',
  });
}

/** A credential that gives no token: what its library says of the cause is kept to its name. */
export function tokenError(error: unknown, what: string): DomainError {
  if (isDomainError(error)) return error;
  const word = printable(errorName(error));
  const reason = REASON_OF[word] ?? 'CloudCredentialMissing';
  return new DomainError({
    kind: 'Unavailable',
    reason,
    message: sentence(`${what} could not be asked: there is no token for it (${word})`, reason),
  });
}

/** An answer that is not what the API documents. */
export function answerError(what: string, problem: string): DomainError {
  const message = `${what} answered something else than its documentation says: ${problem}.`;
  return new DomainError({ kind: 'Unavailable', reason: 'CloudUnavailable', message });
}

/** A cluster that is there and cannot be used now. */
export function notActive(what: string, status: string): DomainError {
  const message = `${what} is ${printable(status)}; it can be used when it is active.`;
  return new DomainError({ kind: 'Unavailable', reason: 'CloudClusterNotActive', message, retryable: true });
}

function statusReason(status: number): Reason {
  if (status === 401) return 'CloudCredentialExpired';
  if (status === 403) return 'CloudAccessDenied';
  if (status === 404) return 'CloudClusterNotFound';
  return status === 429 ? 'CloudThrottled' : 'CloudUnavailable';
}

function sentence(said: string, reason: Reason): string {
  const advice = ADVICE[reason];
  return advice === undefined ? `${said}.` : `${said}; ${advice}.`;
}

function errorName(error: unknown): string {
  if (!(error instanceof Error)) return 'error';
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : error.name;
}

function printable(text: string): string {
  return text.replace(/[^\w.:/-]+/g, ' ').slice(0, 100);
}
