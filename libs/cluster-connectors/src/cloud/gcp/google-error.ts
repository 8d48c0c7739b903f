import type { DomainError } from '@image-factory/domain';
import {
  type CloudAttempt,
  cloudError,
  type CloudReason,
  retryAfterSeconds,
  wrappedDomainError,
} from '../cloud-error.js';
import type { CloudJson } from '../cloud-http.js';

const STATUS_REASONS: Readonly<Record<number, CloudReason>> = {
  401: 'CloudCredentialExpired',
  403: 'CloudAccessDenied',
  404: 'CloudClusterNotFound',
  429: 'CloudThrottled',
};

/** An answer of a Google API that is none that we can use (AIP-193 errors). */
export function googleApiError(answer: CloudJson, attempt: CloudAttempt): DomainError {
  const error = (answer.body as { error?: { status?: unknown; details?: unknown } } | undefined)?.error;
  const code = typeof error?.status === 'string' ? error.status : undefined;
  const reason =
    code === 'RESOURCE_EXHAUSTED' ? 'CloudThrottled' : (STATUS_REASONS[answer.status] ?? 'CloudUnavailable');
  const disabled = JSON.stringify(error?.details ?? '').includes('SERVICE_DISABLED');
  const says: Readonly<Record<string, string>> = {
    CloudCredentialExpired: `${attempt.doing} failed: Google no longer takes the identity's token; renew the credential of this process.`,
    CloudAccessDenied: disabled
      ? `${attempt.doing} is denied: the API is disabled in the project; enable it.`
      : `${attempt.doing} is denied; ${attempt.cure}.`,
    CloudClusterNotFound: `${attempt.missing}.`,
    CloudThrottled: `${attempt.doing} is throttled by Google; it is tried again by itself.`,
  };
  const sentence =
    says[reason] ?? `${attempt.doing} failed: Google answers with an error; it is tried again by itself.`;
  const after = retryAfterSeconds(answer.retryAfter);
  return cloudError(reason, `${attempt.subject}: ${sentence}`, {
    code,
    status: answer.status,
    retryAfterSeconds: after,
  });
}

/** A failure to get a token, from google-auth-library or fetch. Its text is read to classify it and never passed on. */
export function googleTokenError(error: unknown, name: string): DomainError {
  const known = wrappedDomainError(error);
  if (known !== undefined) return known;
  const shape = error as {
    readonly message?: string;
    readonly status?: number;
    readonly code?: unknown;
    readonly response?: { readonly status?: number; readonly data?: { readonly error?: unknown } };
  };
  const message = String(shape.message ?? '');
  const status = shape.response?.status ?? shape.status;
  const oauth = oauthCode(shape.response?.data?.error) ?? /Error code (\w+)/.exec(message)?.[1];
  const reason = tokenReason(message, oauth, status);
  const code = oauth ?? (typeof shape.code === 'string' ? shape.code : undefined);
  return cloudError(reason, `${name}: ${TOKEN_SAYS[reason]}`, { code, status });
}

type TokenReason = Exclude<CloudReason, 'CloudClusterNotFound' | 'CloudClusterNotActive'>;

const TOKEN_SAYS: Readonly<Record<TokenReason, string>> = {
  CloudCredentialMissing:
    'this process has no Google identity; run it with workload identity or GOOGLE_APPLICATION_CREDENTIALS, or give service_account_key.',
  CloudCredentialExpired:
    "Google no longer takes the identity's credential; renew it (a deleted key, an expired session), and check this host's clock.",
  CloudAccessDenied:
    'Google gives the identity of this process no token; check the workload identity binding and its scopes.',
  CloudThrottled: 'getting a token is throttled by Google; it is tried again by itself.',
  CloudUnavailable:
    'Google gives no token: it cannot be reached or answers with an error; it is tried again by itself.',
};

function tokenReason(message: string, oauth: string | undefined, status: number | undefined): TokenReason {
  if (/default credentials|No credentials found|lstat|does not exist|ENOENT/i.test(message)) {
    return 'CloudCredentialMissing';
  }
  if (oauth === 'invalid_grant' || oauth === 'invalid_rapt' || oauth === 'UNAUTHENTICATED' || status === 401) {
    return 'CloudCredentialExpired';
  }
  if (status === 429) return 'CloudThrottled';
  if (status === 403 || status === 404 || status === 400) return 'CloudAccessDenied';
  return 'CloudUnavailable';
}

function oauthCode(error: unknown): string | undefined {
  if (typeof error === 'string') return error;
  const status = (error as { status?: unknown } | undefined)?.status;
  return typeof status === 'string' ? status : undefined;
}
