import { DomainError, type Reason } from '@image-factory/domain';
import type { RequestOutcome, RequestSubject } from './request-subject.js';

/** Codes of failures before a connection stood: nothing can have been sent. */
const CONNECT_CODES: readonly string[] = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
  'EAI_NONAME',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
];

/** Of the error with which a connection ends that gives no answer to a ping. */
export const PING_UNANSWERED = 'ERR_HTTP2_PING_UNANSWERED';

const CLOSED_CODES: readonly string[] = ['UND_ERR_CLOSED', 'UND_ERR_DESTROYED'];

/** Of `tls.connect`: the certificate or the handshake, always before anything is sent. */
const TLS_CODE =
  /^(?:CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|HOSTNAME_MISMATCH|EPROTO|INVALID_CA|PATH_LENGTH_)/;

const SAYS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens at its address',
  ENOTFOUND: 'its host name does not resolve',
  EAI_AGAIN: 'its host name does not resolve now',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  ECONNRESET: 'it closed the connection',
  EPIPE: 'it closed the connection',
  UND_ERR_SOCKET: 'the connection broke',
  UND_ERR_INFO: 'it broke the stream off',
  ERR_HTTP2_STREAM_ERROR: 'it broke the stream off',
  ERR_HTTP2_SESSION_ERROR: 'it ended the connection',
  ETIMEDOUT: 'it does not answer in time',
  [PING_UNANSWERED]: 'it does not answer on a connection that stands',
  UND_ERR_ABORTED: 'the request was stopped here',
  UND_ERR_CONNECT_TIMEOUT: 'it does not take connections in time',
  UND_ERR_HEADERS_TIMEOUT: 'it does not answer in time',
  UND_ERR_BODY_TIMEOUT: 'its answer stalled',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'its answer is too large',
};

/** The innermost `code` of an error and its causes (fetch wraps, happy-eyeballs aggregates). */
export function errorCode(error: unknown): string | undefined {
  let current: unknown = error;
  for (let depth = 0; depth < 5 && current instanceof Error; depth += 1) {
    const code = (current as NodeJS.ErrnoException).code;
    if (typeof code === 'string' && code !== 'ERR_INVALID_STATE') return code;
    current = current instanceof AggregateError && current.errors.length > 0 ? current.errors[0] : current.cause;
  }
  return undefined;
}

/** True for an abort by a signal, ours or the caller's. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');
}

/** A transport failure as a DomainError; `subject.sent` says whether the request had begun to be written. */
export function networkError(error: unknown, subject: RequestSubject): DomainError {
  const code = errorCode(error);
  const tls = code !== undefined && TLS_CODE.test(code);
  const before =
    tls ||
    (code !== undefined && CONNECT_CODES.includes(code)) ||
    (error instanceof Error && (error as NodeJS.ErrnoException).syscall === 'connect');
  // What had begun to be written was perhaps sent, whatever ended its connection: EHOSTUNREACH ends open ones, too.
  const sent = subject.sent ?? !before;
  const outcome: RequestOutcome = sent ? 'unknown' : 'notSent';
  const timedOut = subject.timedOut === true || code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT';
  const closed = code !== undefined && CLOSED_CODES.includes(code);
  const reason: Reason = tls ? 'ClusterTlsFailed' : 'ClusterUnreachable';
  const stopped = isAbort(error) && subject.timedOut !== true ? SAYS['UND_ERR_ABORTED'] : undefined;
  const says =
    subject.timedOut === true ? 'it does not answer in time' : (stopped ?? tlsText(code, tls) ?? SAYS[code ?? '']);
  return new DomainError({
    kind: timedOut ? 'DeadlineExceeded' : 'Unavailable',
    reason,
    fault: closed ? 'platform' : 'cluster',
    retryable: !tls,
    message: `The API server cannot be reached${target(subject)}: ${closed ? 'the connection was closed here' : (says ?? 'the connection failed')}${code === undefined ? '' : ` (${code})`}.`,
    cause: error,
    details: { code, outcome },
  });
}

function target(subject: RequestSubject): string {
  return subject.method === undefined ? '' : ` for ${subject.method} ${subject.path ?? ''}`.trimEnd();
}

function tlsText(code: string | undefined, tls: boolean): string | undefined {
  if (!tls) return undefined;
  if (code === 'CERT_HAS_EXPIRED') return 'its certificate has expired';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'its certificate is for another name; set tls_server_name';
  if (code === 'CERT_NOT_YET_VALID') return 'its certificate is not valid yet';
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') {
    return 'it does not speak TLS at that port';
  }
  if (code?.startsWith('UNABLE_TO_') === true || code?.includes('SELF_SIGNED') === true) {
    return 'its certificate does not chain to the given CA; set ca_cert';
  }
  return 'the TLS handshake failed';
}
