import { DomainError } from '@image-factory/domain';

/** The strong ETag of an object at a version. */
export function etagOf(version: number): string {
  return `"${version}"`;
}

/**
 * The version that `If-Match` asks for; undefined when there is no condition. A list or a weak tag is matched by
 * nothing, so it is answered with 412 by a version that never is.
 */
export function expectedVersion(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined;
  const match = /^\s*"(\d{1,16})"\s*$/.exec(ifMatch);
  if (match !== null) return Number(match[1]);
  throw new DomainError({
    kind: 'PreconditionFailed',
    reason: 'PreconditionFailed',
    message: 'If-Match must be the ETag of the object as it was read',
  });
}
