import { DomainError } from '@image-factory/domain';

/**
 * Refuses fields whose behaviour is not there yet: better refused by name than stored and left without effect.
 * @throws DomainError InvalidInput NotYetSupported with each of the paths, when there is one
 */
export function refuseLater(paths: readonly string[]): void {
  if (paths.length === 0) return;
  throw new DomainError({
    kind: 'InvalidInput',
    reason: 'NotYetSupported',
    message: `${paths.join(', ')}: not supported yet; leave it out`,
    issues: paths.map((path) => ({ path, message: 'is not supported yet; leave it out' })),
  });
}
