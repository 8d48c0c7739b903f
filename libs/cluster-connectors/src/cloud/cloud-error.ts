import { DomainError, type ErrorKind, type Fault, isDomainError, type Reason } from '@image-factory/domain';

/** Why a cloud gives no way in, before the API server is asked. In all of them no byte was sent to it. */
export const CLOUD_REASONS = [
  'CloudCredentialMissing',
  'CloudCredentialExpired',
  'CloudAccessDenied',
  'CloudThrottled',
  'CloudClusterNotFound',
  'CloudClusterNotActive',
  'CloudUnavailable',
] as const satisfies readonly Reason[];
export type CloudReason = (typeof CLOUD_REASONS)[number];

const REFUSALS: readonly Reason[] = ['CloudCredentialExpired', 'CloudAccessDenied'];

/** A cloud says so of a credential that was revoked, or whose rights have changed since it was made. */
export function isRefusal(error: unknown): boolean {
  return isDomainError(error) && REFUSALS.includes(error.reason);
}

interface Meaning {
  readonly kind: ErrorKind;
  readonly fault: Fault;
  readonly retryable: boolean;
}

/** `platform`: the identity of our own process. `user`: what the provider's config says. `cluster`: the cloud's side. */
const MEANINGS: Readonly<Record<CloudReason, Meaning>> = {
  CloudCredentialMissing: { kind: 'Unavailable', fault: 'platform', retryable: false },
  CloudCredentialExpired: { kind: 'Unavailable', fault: 'platform', retryable: false },
  CloudAccessDenied: { kind: 'NotAllowed', fault: 'user', retryable: false },
  CloudThrottled: { kind: 'Unavailable', fault: 'cluster', retryable: true },
  CloudClusterNotFound: { kind: 'NotFound', fault: 'user', retryable: false },
  CloudClusterNotActive: { kind: 'Unavailable', fault: 'cluster', retryable: true },
  CloudUnavailable: { kind: 'Unavailable', fault: 'cluster', retryable: true },
};

/** What was asked of a cloud's API, and what to do when it is refused. */
export interface CloudAttempt {
  /** `GKE cluster prod in factory-1/europe-west1` */
  readonly subject: string;
  /** `describing it` */
  readonly doing: string;
  /** What an identity needs that is denied. */
  readonly cure: string;
  /** What it means that it is not there. */
  readonly missing: string;
}

/** Facts of a refusal that may be shown: a code of the cloud's closed list, an HTTP status, a request id. */
export interface CloudErrorFacts {
  readonly code?: string | undefined;
  readonly status?: number | undefined;
  readonly requestId?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
}

/**
 * A refusal of a cloud. `message` says what failed, on which cluster, and the cure, in our own words: the text of a
 * library's error may hold a request with its credential, so neither it nor the error itself is kept.
 */
export function cloudError(reason: CloudReason, message: string, facts: CloudErrorFacts = {}): DomainError {
  const { code, status, requestId, retryAfterSeconds } = facts;
  return new DomainError({
    ...MEANINGS[reason],
    reason,
    message: `${message}${code === undefined ? '' : ` (${printable(code)})`}`,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    details: {
      outcome: 'notSent',
      cloudCode: code === undefined ? undefined : printable(code),
      cloudStatus: status,
      cloudRequestId: requestId === undefined ? undefined : printable(requestId),
    },
  });
}

/** A DomainError that a library has wrapped: a refusal of the egress rules. */
export function wrappedDomainError(error: unknown): DomainError | undefined {
  let current: unknown = error;
  for (let depth = 0; depth < 6 && current instanceof Error; depth += 1) {
    if (isDomainError(current)) return current;
    const inner = current as { cause?: unknown; originalError?: unknown; error?: unknown };
    current = inner.cause ?? inner.originalError ?? inner.error;
  }
  return undefined;
}

/** Seconds of a Retry-After header; undefined when it is none or a date. */
export function retryAfterSeconds(value: string | null | undefined): number | undefined {
  const seconds = Number(value);
  return value != null && value !== '' && Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, 600) : undefined;
}

/** True for a JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function printable(text: string): string {
  return text.replace(/[^\w.:/-]+/g, ' ').slice(0, 100);
}
