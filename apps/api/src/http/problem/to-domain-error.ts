import { HttpException } from '@nestjs/common';
import { DomainError, type DomainErrorOptions, isDomainError } from '@image-factory/domain';

type Known = Pick<DomainErrorOptions, 'kind' | 'reason' | 'message'>;

const NOTHING_THERE: Known = {
  kind: 'NotFound',
  reason: 'RouteNotFound',
  message: 'there is nothing at this address; see /docs',
};

/** What the HTTP server itself refuses, by status. Its own texts are not passed on. */
const BY_STATUS: Readonly<Record<number, Known>> = {
  400: { kind: 'InvalidInput', reason: 'MalformedJson', message: 'the body is not JSON' },
  // The server of the docs' files says so of paths that leave their directory.
  403: NOTHING_THERE,
  404: NOTHING_THERE,
  406: { kind: 'InvalidInput', reason: 'UnsupportedMediaType', message: 'no representation of that media type' },
  413: { kind: 'TooLarge', reason: 'BodyTooLarge', message: 'the body is larger than 1 MiB' },
  414: { kind: 'InvalidInput', reason: 'ValidationFailed', message: 'the address is too long' },
  415: {
    kind: 'InvalidInput',
    reason: 'UnsupportedMediaType',
    message: 'the body must be JSON; send it as application/json',
  },
  429: {
    kind: 'QuotaExceeded',
    reason: 'RateLimited',
    message: 'this key has sent too many requests; wait for the seconds of Retry-After',
  },
};

/** Translates whatever was thrown into the one error class; what is not known is our own fault. */
export function toDomainError(error: unknown): DomainError {
  if (isDomainError(error)) return error;
  const known = BY_STATUS[statusCodeOf(error)];
  if (known !== undefined) return new DomainError({ ...known, cause: error });
  return new DomainError({ kind: 'Internal', reason: 'Internal', message: 'unexpected error', cause: error });
}

function statusCodeOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  if (error instanceof URIError) return 400;
  if (error instanceof Error && 'statusCode' in error) return Number(error.statusCode);
  return 500;
}
