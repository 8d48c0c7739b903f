import { DomainError } from '@image-factory/domain';

/**
 * A token as it goes into a header.
 * @throws DomainError CredentialUnreadable for an empty one or one with characters that no bearer token has (RFC 6750)
 */
export function bearerToken(text: string): string {
  const token = text.trim();
  if (token.length === 0 || token.length > 65_536 || !/^[\x21-\x7e]+$/.test(token)) {
    throw new DomainError({
      kind: 'InvalidInput',
      reason: 'CredentialUnreadable',
      message: 'The token is empty or has characters that a bearer token cannot have.',
      details: { outcome: 'notSent' },
    });
  }
  return token;
}
