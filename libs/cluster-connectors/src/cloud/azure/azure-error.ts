import type { DomainError } from '@image-factory/domain';
import {
  type CloudAttempt,
  cloudError,
  type CloudReason,
  retryAfterSeconds,
  wrappedDomainError,
} from '../cloud-error.js';
import type { CloudJson } from '../cloud-http.js';

/** AADSTS codes that mean an end of life: client secret, client assertion, refresh by the user. */
const EXPIRED: readonly string[] = ['7000222', '700024', '50173', '700082', '500133'];

/** A failure to get a token, from @azure/identity. Its text is read to classify it and never passed on. */
export function azureTokenError(error: unknown, name: string): DomainError {
  const known = wrappedDomainError(error);
  if (known !== undefined) return known;
  const shape = error as {
    readonly name?: string;
    readonly message?: string;
    readonly statusCode?: number;
    readonly errorResponse?: { readonly error?: string; readonly errorCodes?: readonly number[] };
  };
  const message = String(shape.message ?? '');
  const code = /AADSTS(\d{4,8})/.exec(message)?.[1] ?? shape.errorResponse?.errorCodes?.[0]?.toString();
  const reason = tokenReason(shape.name ?? '', message, code, shape.statusCode);
  const facts = { code: code === undefined ? undefined : `AADSTS${code}`, status: shape.statusCode };
  return cloudError(reason, `${name}: ${TOKEN_SAYS[reason]}`, facts);
}

type TokenReason = Exclude<CloudReason, 'CloudClusterNotFound' | 'CloudClusterNotActive'>;

const TOKEN_SAYS: Readonly<Record<TokenReason, string>> = {
  CloudCredentialMissing:
    'this process has no Azure identity; assign the managed identity of client_id to its host, run it with workload identity, or give tenant_id, client_id and client_secret.',
  CloudCredentialExpired:
    'Microsoft Entra refuses the credential because it has expired; make a new client secret, or renew the federated token.',
  CloudAccessDenied:
    'Microsoft Entra refuses the credential; check tenant_id, client_id and client_secret, or the federated credential.',
  CloudThrottled: 'getting a token is throttled by Microsoft Entra; it is tried again by itself.',
  CloudUnavailable:
    'Microsoft Entra gives no token: it cannot be reached or answers with an error; it is tried again by itself.',
};

function tokenReason(
  errorName: string,
  message: string,
  code: string | undefined,
  status: number | undefined,
): TokenReason {
  if (code !== undefined && EXPIRED.includes(code)) return 'CloudCredentialExpired';
  if (status === 429 || /\b429\b|too many requests|throttl/i.test(message)) return 'CloudThrottled';
  if (code !== undefined) return 'CloudAccessDenied';
  const unreachable = /network_error|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN/i.test(message);
  if (errorName === 'CredentialUnavailableError') return 'CloudCredentialMissing';
  if (unreachable) return 'CloudUnavailable';
  return status === 400 || status === 401 || status === 403 ? 'CloudAccessDenied' : 'CloudUnavailable';
}

const STATUS_REASONS: Readonly<Record<number, CloudReason>> = {
  401: 'CloudCredentialExpired',
  403: 'CloudAccessDenied',
  404: 'CloudClusterNotFound',
  429: 'CloudThrottled',
};

/** An answer of Azure Resource Manager that is not 200. */
export function armError(answer: CloudJson, { subject, doing, cure, missing }: CloudAttempt): DomainError {
  const error = (answer.body as { error?: { code?: unknown } } | undefined)?.error;
  const code = typeof error?.code === 'string' ? error.code : undefined;
  const reason =
    STATUS_REASONS[answer.status] ?? (answer.status === 409 ? 'CloudClusterNotActive' : 'CloudUnavailable');
  const says: Readonly<Record<CloudReason, string>> = {
    CloudCredentialMissing: '',
    CloudCredentialExpired: `${doing} failed: Azure no longer takes the identity's token; renew its credential.`,
    CloudAccessDenied: `${doing} is denied; ${cure}.`,
    CloudThrottled: `${doing} is throttled by Azure; it is tried again by itself.`,
    CloudClusterNotFound: `${missing}.`,
    CloudClusterNotActive: `${doing} failed: another operation on the cluster is under way; it is tried again by itself.`,
    CloudUnavailable: `${doing} failed: Azure answers with an error; it is tried again by itself.`,
  };
  const after = retryAfterSeconds(answer.retryAfter);
  return cloudError(reason, `${subject}: ${says[reason]}`, { code, status: answer.status, retryAfterSeconds: after });
}
