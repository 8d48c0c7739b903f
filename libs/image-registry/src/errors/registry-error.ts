import { DomainError, isDomainError } from '@image-factory/domain';

/** Codes of the OCI distribution specification, the only words of an answer that may enter a message. */
const OCI_CODES: ReadonlySet<string> = new Set([
  'BLOB_UNKNOWN',
  'BLOB_UPLOAD_INVALID',
  'BLOB_UPLOAD_UNKNOWN',
  'DIGEST_INVALID',
  'MANIFEST_BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN',
  'MANIFEST_UNVERIFIED',
  'NAME_INVALID',
  'NAME_UNKNOWN',
  'SIZE_INVALID',
  'TAG_INVALID',
  'UNAUTHORIZED',
  'DENIED',
  'UNSUPPORTED',
  'TOOMANYREQUESTS',
]);

/** What was asked, for the message: a verb phrase and the host. */
export interface RegistryAsk {
  readonly what: string;
  readonly host: string;
}

/** Translates an answer that is not a success. `body` is only searched for the specification's error codes. */
export function answerError(ask: RegistryAsk, status: number, body: Buffer, retryAfter?: string): DomainError {
  const code = ociCode(body);
  const shown = `HTTP ${status}${code === undefined ? '' : ` ${code}`}`;
  const details = { host: ask.host, status, ...(code === undefined ? {} : { code }) };
  if (status === 401 || status === 403) return unauthorized(ask, shown, details);
  if (status === 404) {
    return new DomainError({
      kind: 'NotFound',
      reason: 'ManifestNotFound',
      message: `The registry ${ask.host} does not have what was asked (${ask.what}): ${shown}.`,
      details,
    });
  }
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    const seconds = Number(retryAfter);
    return new DomainError({
      kind: 'Unavailable',
      reason: 'RegistryUnavailable',
      message: `The registry ${ask.host} did not serve the request (${ask.what}): ${shown}.`,
      fault: 'cluster',
      retryable: true,
      details,
      ...(Number.isFinite(seconds) && seconds > 0 ? { retryAfterSeconds: Math.min(seconds, 3600) } : {}),
    });
  }
  return refused(ask, shown, details);
}

/** Wrong, missing or insufficient credentials. */
export function unauthorized(ask: RegistryAsk, shown: string, details: Record<string, unknown> = {}): DomainError {
  return new DomainError({
    kind: 'NotAllowed',
    reason: 'RegistryUnauthorized',
    message: `The registry ${ask.host} refused the credential (${ask.what}): ${shown}. Check the project's registry auth.`,
    details,
  });
}

/** An answer that will not become right by asking again. */
export function refused(ask: RegistryAsk, why: string, details: Record<string, unknown> = {}): DomainError {
  return new DomainError({
    kind: 'Conflict',
    reason: 'RegistryRefused',
    message: `The registry ${ask.host} refused or broke the protocol (${ask.what}): ${why}.`,
    fault: 'cluster',
    details,
  });
}

const CERTIFICATE_CODE = /CERT|SELF_SIGNED|ISSUER|ERR_TLS|ERR_SSL/;

/** Translates what a socket threw. Egress refusals pass as they are; the caller's own abort is passed on. */
export function transportError(ask: RegistryAsk, error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) return signal.reason;
  const inner = error instanceof Error && isDomainError(error.cause) ? error.cause : error;
  if (isDomainError(inner) && inner.reason !== 'ClusterUnreachable') return inner;
  const code = codeOf(inner);
  const tls = CERTIFICATE_CODE.test(code);
  return new DomainError({
    kind: 'Unavailable',
    reason: 'RegistryUnavailable',
    message: tls
      ? `The TLS certificate of the registry ${ask.host} is not trusted (${code}). Install its CA, or list the host as insecure when it speaks plain HTTP.`
      : `The registry ${ask.host} cannot be reached (${ask.what}): ${code}.`,
    fault: 'cluster',
    retryable: !tls,
    details: { host: ask.host, code },
    cause: error,
  });
}

function codeOf(error: unknown): string {
  if (isDomainError(error)) return 'its name does not resolve';
  if (!(error instanceof Error)) return 'unknown error';
  const code: unknown = 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{2,60}$/.test(code) ? code : error.name;
}

function ociCode(body: Buffer): string | undefined {
  try {
    const parsed = JSON.parse(body.toString('utf8')) as { errors?: readonly { code?: unknown }[] };
    const code = parsed.errors?.[0]?.code;
    return typeof code === 'string' && OCI_CODES.has(code) ? code : undefined;
  } catch {
    return undefined;
  }
}
