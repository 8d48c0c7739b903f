import { DomainError, type ErrorKind, type Fault, type Reason } from '@image-factory/domain';
import { parseKubeStatus, type KubeStatus } from './kube-status.js';
import type { RequestOutcome, RequestSubject } from './request-subject.js';

/** What an answer means to us. */
interface Meaning {
  readonly kind: ErrorKind;
  readonly reason: Reason;
  readonly fault: Fault;
  readonly retryable: boolean;
  /** `refused`: certainly not applied. `unknown`: the server may have applied it before it failed. */
  readonly outcome: RequestOutcome;
  readonly says: string;
}

/** An answer that is not 2xx. Header names in lower case. */
export interface ErrorResponse {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

type Test = (status: number, kube: KubeStatus | undefined, message: string) => boolean;

const is =
  (...codes: number[]): Test =>
  (status) =>
    codes.includes(status);

const saying =
  (pattern: RegExp): Test =>
  (_status, _kube, message) =>
    pattern.test(message);

const both =
  (a: Test, b: Test): Test =>
  (status, kube, message) =>
    a(status, kube, message) && b(status, kube, message);

const caused =
  (reason: string): Test =>
  (_status, kube) =>
    kube?.causes.some((cause) => cause.reason === reason) === true;

function meaning(kind: ErrorKind, reason: Reason, fault: Fault, says: string, more: Partial<Meaning> = {}): Meaning {
  return { kind, reason, fault, retryable: false, outcome: 'refused', says, ...more };
}

/** First match wins. Admission comes before status codes, because webhooks answer with codes of their own choice. */
const MEANINGS: readonly (readonly [Test, Meaning])[] = [
  [
    both(is(500, 502, 503, 504), saying(/failed calling webhook|failed to call webhook/)),
    meaning('Unavailable', 'AdmissionTimeout', 'cluster', 'an admission webhook did not answer', { retryable: true }),
  ],
  [
    saying(/^admission webhook "[^"]*" denied the request/),
    meaning('NotAllowed', 'AdmissionDenied', 'cluster', 'an admission webhook denied it'),
  ],
  [is(401), meaning('Unauthenticated', 'ClusterUnauthorized', 'cluster', 'the credential is not accepted')],
  [
    both(is(403), caused('NamespaceTerminating')),
    meaning('Conflict', 'NamespaceTerminating', 'cluster', 'the namespace is being deleted'),
  ],
  [
    both(is(403), saying(/because it is being terminated/)),
    meaning('Conflict', 'NamespaceTerminating', 'cluster', 'the namespace is being deleted'),
  ],
  [
    both(is(403), saying(/exceeded quota|failed quota/)),
    meaning('QuotaExceeded', 'QuotaExceeded', 'cluster', "the namespace's quota does not allow it", {
      retryable: true,
    }),
  ],
  [
    is(403),
    meaning(
      'NotAllowed',
      'ClusterForbidden',
      'cluster',
      'the credential may not do this; grant it the RBAC rules of deploy/',
    ),
  ],
  [is(404), meaning('NotFound', 'ObjectNotFound', 'cluster', 'there is no such object')],
  [
    (status, kube) => status === 409 && kube?.reason === 'AlreadyExists',
    meaning('Conflict', 'ObjectAlreadyExists', 'cluster', 'an object of that name exists'),
  ],
  [is(409), meaning('Conflict', 'ObjectConflict', 'cluster', 'the object has changed meanwhile', { retryable: true })],
  [
    is(410),
    meaning('Conflict', 'ResourceExpired', 'cluster', 'the resource version or continue token is too old', {
      retryable: true,
    }),
  ],
  [is(413), meaning('TooLarge', 'ObjectInvalid', 'platform', 'the request is too large')],
  [is(429), meaning('Unavailable', 'ClusterThrottled', 'cluster', 'the API server sheds load', { retryable: true })],
  [
    is(400, 405, 406, 415, 422),
    meaning('InvalidInput', 'ObjectInvalid', 'platform', 'the object or request is not valid there'),
  ],
  [
    saying(/etcdserver: mvcc: database space exceeded/),
    meaning('Unavailable', 'ClusterUnavailable', 'cluster', 'etcd is out of space', { retryable: true }),
  ],
  [
    caused('ResourceVersionTooLarge'),
    meaning('Unavailable', 'ClusterUnavailable', 'cluster', 'the resource version is newer than the server knows', {
      retryable: true,
    }),
  ],
  [
    (status) => status >= 500,
    meaning('Unavailable', 'ClusterUnavailable', 'cluster', 'the API server failed', {
      retryable: true,
      outcome: 'unknown',
    }),
  ],
];

const OTHER = meaning('Unavailable', 'ClusterUnavailable', 'cluster', 'the answer is none of the Kubernetes API');

/**
 * A non-2xx answer as a DomainError. The message names the request and what the answer means, never its text; a
 * shortened one-line copy of the server's own message is in `details.kubeMessage`, for admins (none for 401).
 */
export function responseError(response: ErrorResponse, subject: RequestSubject = {}): DomainError {
  const kube = parseKubeStatus(response.body);
  const message = kube?.message ?? '';
  const found = MEANINGS.find(([test]) => test(response.status, kube, message))?.[1] ?? OTHER;
  const mean = tektonMissing(response.status, kube, subject)
    ? meaning('NotFound', 'TektonNotInstalled', 'cluster', 'Tekton Pipelines (tekton.dev/v1) is not installed')
    : found;
  const retryAfterSeconds = retryAfter(response, kube) ?? (response.status === 429 ? 1 : undefined);
  return new DomainError({
    kind: mean.kind,
    reason: mean.reason,
    fault: mean.fault,
    retryable: mean.retryable,
    message: `The API server answered ${response.status} to ${subjectText(subject)}: ${mean.says}.`,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    details: {
      status: response.status,
      kubeReason: kube?.reason,
      kubeKind: kube?.kind,
      kubeName: kube?.name,
      kubeMessage: response.status === 401 ? undefined : excerpt(message),
      outcome: mean.outcome,
    },
  });
}

/** A 404 that speaks of no object, for a Tekton path: the resource itself is unknown there. */
function tektonMissing(status: number, kube: KubeStatus | undefined, subject: RequestSubject): boolean {
  return status === 404 && kube?.name === undefined && subject.path?.startsWith('/apis/tekton.dev/') === true;
}

function subjectText(subject: RequestSubject): string {
  return subject.method === undefined ? 'a request' : `${subject.method} ${subject.path ?? ''}`.trim();
}

/** A longer wait is not believed, and would not fit into a timer. */
const MOST_RETRY_AFTER_SECONDS = 3600;

/** The header's wait, else the body's. */
function retryAfter({ headers }: ErrorResponse, kube: KubeStatus | undefined): number | undefined {
  const header = headers['retry-after'];
  const inHeader = header === undefined ? undefined : Number(Array.isArray(header) ? header[0] : header);
  const seconds = [inHeader, kube?.retryAfterSeconds].find((said) => said !== undefined && said >= 0);
  return seconds === undefined ? undefined : Math.min(seconds, MOST_RETRY_AFTER_SECONDS);
}

function excerpt(message: string): string | undefined {
  const line = message.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
  if (line === '') return undefined;
  return line.length > 500 ? `${line.slice(0, 500)}…` : line;
}
