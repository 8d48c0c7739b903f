import { DomainError } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { outcomeOf, toDomainError } from './kube-error.js';
import { responseError } from './response-error.js';

function status(code: number, reason: string, message: string, details: object = {}): unknown {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code, details };
}

const WEBHOOK =
  'Internal error occurred: failed calling webhook "validation.webhook.pipeline.tekton.dev": failed to call webhook: Post "https://x": context deadline exceeded';
const DENIED =
  'admission webhook "validation.webhook.pipeline.tekton.dev" denied the request: validation failed: invalid value';
const QUOTA = 'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1';
const TERMINATING = 'unable to create new content in namespace x because it is being terminated';

describe('an answer that is not 2xx', () => {
  it.each([
    [400, status(400, 'BadRequest', 'the object is bad'), 'InvalidInput', 'ObjectInvalid', false, 'refused'],
    [400, status(400, 'BadRequest', DENIED), 'NotAllowed', 'AdmissionDenied', false, 'refused'],
    [403, status(403, 'Forbidden', DENIED), 'NotAllowed', 'AdmissionDenied', false, 'refused'],
    [401, status(401, 'Unauthorized', 'Unauthorized'), 'Unauthenticated', 'ClusterUnauthorized', false, 'refused'],
    [403, status(403, 'Forbidden', 'pods is forbidden'), 'NotAllowed', 'ClusterForbidden', false, 'refused'],
    [403, status(403, 'Forbidden', QUOTA), 'QuotaExceeded', 'QuotaExceeded', true, 'refused'],
    [403, status(403, 'Forbidden', TERMINATING), 'Conflict', 'NamespaceTerminating', false, 'refused'],
    [
      403,
      status(403, 'Forbidden', 'x', { causes: [{ reason: 'NamespaceTerminating' }] }),
      'Conflict',
      'NamespaceTerminating',
      false,
      'refused',
    ],
    [
      404,
      status(404, 'NotFound', 'pods "x" not found', { name: 'x', kind: 'pods' }),
      'NotFound',
      'ObjectNotFound',
      false,
      'refused',
    ],
    [409, status(409, 'AlreadyExists', 'x'), 'Conflict', 'ObjectAlreadyExists', false, 'refused'],
    [409, status(409, 'Conflict', 'x'), 'Conflict', 'ObjectConflict', true, 'refused'],
    [
      410,
      status(410, 'Expired', 'The resourceVersion for the provided list is too old.'),
      'Conflict',
      'ResourceExpired',
      true,
      'refused',
    ],
    [413, 'too large', 'TooLarge', 'ObjectInvalid', false, 'refused'],
    [422, status(422, 'Invalid', 'x'), 'InvalidInput', 'ObjectInvalid', false, 'refused'],
    [429, status(429, 'TooManyRequests', 'x'), 'Unavailable', 'ClusterThrottled', true, 'refused'],
    [500, status(500, 'InternalError', WEBHOOK), 'Unavailable', 'AdmissionTimeout', true, 'refused'],
    [
      500,
      status(500, 'InternalError', 'etcdserver: mvcc: database space exceeded'),
      'Unavailable',
      'ClusterUnavailable',
      true,
      'refused',
    ],
    [
      500,
      status(500, 'InternalError', 'etcdserver: request timed out'),
      'Unavailable',
      'ClusterUnavailable',
      true,
      'unknown',
    ],
    [
      500,
      status(500, 'InternalError', 'etcdserver: leader changed'),
      'Unavailable',
      'ClusterUnavailable',
      true,
      'unknown',
    ],
    [502, '<html>bad gateway</html>', 'Unavailable', 'ClusterUnavailable', true, 'unknown'],
    [503, status(503, 'ServiceUnavailable', 'shutting down'), 'Unavailable', 'ClusterUnavailable', true, 'unknown'],
    [504, status(504, 'Timeout', 'request did not complete'), 'Unavailable', 'ClusterUnavailable', true, 'unknown'],
    [
      504,
      status(504, 'Timeout', 'Too large resource version', { causes: [{ reason: 'ResourceVersionTooLarge' }] }),
      'Unavailable',
      'ClusterUnavailable',
      true,
      'refused',
    ],
    [302, '', 'Unavailable', 'ClusterUnavailable', false, 'refused'],
  ] as const)('%i %j is %s %s', (code, body, kind, reason, retryable, outcome) => {
    const error = responseError({ status: code, body, headers: {} }, { method: 'POST', path: '/api/v1/pods' });
    expect(error).toMatchObject({ kind, reason, retryable, details: { status: code, outcome } });
  });

  it('is a missing Tekton when its resource is unknown, and a missing object when the object is', () => {
    const path = '/apis/tekton.dev/v1/namespaces/x/pipelineruns';
    const unknown = status(404, 'NotFound', 'the server could not find the requested resource');
    const missing = status(404, 'NotFound', 'x', { name: 'x', kind: 'pipelineruns' });
    expect(responseError({ status: 404, body: unknown, headers: {} }, { path }).reason).toBe('TektonNotInstalled');
    expect(responseError({ status: 404, body: missing, headers: {} }, { path: `${path}/x` }).reason).toBe(
      'ObjectNotFound',
    );
  });

  it('carries the wait that the server asks for, from the header or the body', () => {
    const body = status(429, 'TooManyRequests', 'x', { retryAfterSeconds: 3 });
    expect(responseError({ status: 429, body, headers: {} }).retryAfterSeconds).toBe(3);
    expect(responseError({ status: 429, body, headers: { 'retry-after': '9' } }).retryAfterSeconds).toBe(9);
    expect(responseError({ status: 429, body: '', headers: {} }).retryAfterSeconds).toBe(1);
    const forEver = status(429, 'TooManyRequests', 'x', { retryAfterSeconds: 5_000_000_000 });
    expect(responseError({ status: 429, body: forEver, headers: {} }).retryAfterSeconds).toBe(3600);
    expect(responseError({ status: 429, body, headers: { 'retry-after': '1e99' } }).retryAfterSeconds).toBe(3600);
    expect(
      responseError({ status: 503, body: '', headers: { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' } })
        .retryAfterSeconds,
    ).toBeUndefined();
  });

  it('keeps the server’s text out of the message and shortens it in the details', () => {
    const error = responseError({
      status: 422,
      body: status(422, 'Invalid', `canary\n${'x'.repeat(2_000)}`),
      headers: {},
    });
    expect(error.message).not.toContain('canary');
    expect(String(error.details['kubeMessage'])).toMatch(/^canary x{400,}…$/);
    expect(String(error.details['kubeMessage']).length).toBeLessThan(510);
  });
});

function coded(code: string, more: object = {}): Error {
  return Object.assign(new Error(code), { code, ...more });
}

describe('a transport failure', () => {
  it.each([
    [coded('ECONNREFUSED'), undefined, 'ClusterUnreachable', 'notSent'],
    [coded('ENOTFOUND'), undefined, 'ClusterUnreachable', 'notSent'],
    [coded('EAI_AGAIN'), undefined, 'ClusterUnreachable', 'notSent'],
    [coded('ETIMEDOUT', { syscall: 'connect' }), undefined, 'ClusterUnreachable', 'notSent'],
    [coded('UND_ERR_CONNECT_TIMEOUT'), undefined, 'ClusterUnreachable', 'notSent'],
    [coded('CERT_HAS_EXPIRED'), undefined, 'ClusterTlsFailed', 'notSent'],
    [coded('DEPTH_ZERO_SELF_SIGNED_CERT'), undefined, 'ClusterTlsFailed', 'notSent'],
    [coded('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), undefined, 'ClusterTlsFailed', 'notSent'],
    [coded('ERR_TLS_CERT_ALTNAME_INVALID'), undefined, 'ClusterTlsFailed', 'notSent'],
    [coded('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'), undefined, 'ClusterTlsFailed', 'notSent'],
    [coded('EHOSTUNREACH'), true, 'ClusterUnreachable', 'unknown'],
    [coded('ERR_SSL_BAD_RECORD_MAC'), true, 'ClusterTlsFailed', 'unknown'],
    [coded('ECONNRESET'), true, 'ClusterUnreachable', 'unknown'],
    [coded('ECONNRESET'), false, 'ClusterUnreachable', 'notSent'],
    [coded('UND_ERR_SOCKET'), true, 'ClusterUnreachable', 'unknown'],
    [coded('UND_ERR_HEADERS_TIMEOUT'), true, 'ClusterUnreachable', 'unknown'],
    [new DOMException('stopped', 'AbortError'), true, 'ClusterUnreachable', 'unknown'],
    [new DOMException('stopped', 'AbortError'), false, 'ClusterUnreachable', 'notSent'],
    [
      Object.assign(new TypeError('fetch failed'), { cause: coded('ECONNREFUSED') }),
      undefined,
      'ClusterUnreachable',
      'notSent',
    ],
    [
      Object.assign(new TypeError('x'), { cause: new AggregateError([coded('ECONNREFUSED'), coded('ECONNREFUSED')]) }),
      undefined,
      'ClusterUnreachable',
      'notSent',
    ],
  ] as const)('%s (sent: %s) is %s, %s', (error, sent, reason, outcome) => {
    const translated = toDomainError(error, { method: 'POST', path: '/x', ...(sent === undefined ? {} : { sent }) });
    expect(translated).toMatchObject({ reason, details: { outcome } });
    expect(outcomeOf(translated)).toBe(outcome);
  });

  it('passes a DomainError, also one inside a cause', () => {
    const inner = new DomainError({ kind: 'NotAllowed', reason: 'EgressForbidden', message: 'no' });
    expect(toDomainError(inner)).toBe(inner);
    expect(toDomainError(Object.assign(new TypeError('fetch failed'), { cause: inner }))).toBe(inner);
  });

  it('reads the typed client’s exception', () => {
    const error = Object.assign(new Error('HTTP-Code: 409 Body: …'), {
      code: 409,
      body: JSON.stringify(status(409, 'AlreadyExists', 'x')),
      headers: {},
    });
    expect(toDomainError(error)).toMatchObject({ reason: 'ObjectAlreadyExists', details: { outcome: 'refused' } });
  });

  it('is unknown when nothing says otherwise', () => {
    expect(outcomeOf(new Error('x'))).toBe('unknown');
    expect(toDomainError(new Error('x'))).toMatchObject({ kind: 'Internal', details: { outcome: 'unknown' } });
  });
});
