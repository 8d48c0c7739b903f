import { type DomainError, type ErrorKind, type Issue, type Reason } from '@image-factory/domain';

/** Media type of every error (RFC 9457). */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** Body of every error. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: Reason;
  readonly trace_id: string;
  readonly errors?: readonly Issue[];
}

const STATUS_BY_KIND: Readonly<Record<ErrorKind, number>> = {
  InvalidInput: 400,
  Unauthenticated: 401,
  NotAllowed: 403,
  NotFound: 404,
  Conflict: 409,
  PreconditionFailed: 412,
  TooLarge: 413,
  QuotaExceeded: 429,
  Internal: 500,
  Unavailable: 503,
  DeadlineExceeded: 504,
};

/** Where HTTP has a more exact status than the kind of error. */
const STATUS_BY_REASON: Readonly<Partial<Record<Reason, number>>> = {
  MethodNotAllowed: 405,
  UnsupportedMediaType: 415,
  IdempotencyKeyReused: 422,
};

const TITLES: Readonly<Record<number, string>> = {
  400: 'The request is not valid',
  401: 'Who you are is not known',
  403: 'You may not do this',
  404: 'There is no such thing',
  405: 'This address does not have that method',
  409: 'The request conflicts with the present state',
  412: 'The object has changed',
  413: 'The body is too large',
  415: 'The body has a wrong media type',
  422: 'The request cannot be processed',
  429: 'Too much at once',
  500: 'Something failed on our side',
  503: 'Not available now',
  504: 'No answer in time',
};

/** The HTTP status of an error: by its reason where that is more exact, else by its kind. */
export function statusOf(error: Pick<DomainError, 'kind' | 'reason'>): number {
  return STATUS_BY_REASON[error.reason] ?? STATUS_BY_KIND[error.kind];
}

/** Our own faults are told by their trace id only: the message is for the log. */
export function toProblem(error: DomainError, instance: string, traceId: string): Problem {
  const status = statusOf(error);
  return {
    type: `urn:image-factory:problem:${error.reason}`,
    title: TITLES[status] ?? 'The request failed',
    status,
    detail: error.kind === 'Internal' ? `this is our fault; the log has it under trace ${traceId}` : error.message,
    instance,
    code: error.kind === 'Internal' ? 'Internal' : error.reason,
    trace_id: traceId,
    ...(error.issues.length === 0 ? {} : { errors: error.issues }),
  };
}
