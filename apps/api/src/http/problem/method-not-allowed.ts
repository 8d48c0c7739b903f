import { DomainError } from '@image-factory/domain';

/** The address exists, but not with this method. */
export function methodNotAllowed(method: string, allowed: readonly string[]): DomainError {
  return new DomainError({
    kind: 'InvalidInput',
    reason: 'MethodNotAllowed',
    message: `this address has no ${method}; it has ${allowed.join(', ')}`,
  });
}
