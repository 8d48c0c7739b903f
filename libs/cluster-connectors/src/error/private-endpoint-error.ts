import { DomainError } from '@image-factory/domain';
import { isAbort } from './network-error.js';

/** A server that was not reached although its endpoint is known to answer inside a private network only: says so. */
export function privateEndpointError(error: DomainError, cure: string | undefined): DomainError {
  const stopped = isAbort(error.cause) && error.kind !== 'DeadlineExceeded';
  if (cure === undefined || stopped || error.reason !== 'ClusterUnreachable' || error.fault === 'platform')
    return error;
  const { kind, retryable, details } = error;
  const message = `${error.message} ${cure}`;
  return new DomainError({ kind, reason: 'ClusterEndpointPrivate', fault: 'cluster', retryable, message, details });
}
