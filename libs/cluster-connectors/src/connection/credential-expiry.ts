import type { Clock } from '@image-factory/domain';
import type { CredentialFileRules } from '../auth/credential-file.js';
import { CredentialReader } from '../auth/credential-reader.js';
import { certificateExpiry, tokenExpiry } from '../auth/token-expiry.js';
import type { ClusterIdentity } from './cluster-access.js';

/** When what we are known by ends. */
export interface CredentialExpiry {
  readonly expiresAt: Date;
  /** It is replaced without an admin (a file that is rotated, a cloud's token): an end that is near is no reason to warn. */
  readonly replaced: boolean;
}

/** When the identity's credential ends as it is now; undefined when it does not say, or cannot be read. */
export async function credentialExpiry(
  identity: ClusterIdentity,
  fileRules: CredentialFileRules,
  clock: Clock,
): Promise<CredentialExpiry | undefined> {
  if (identity.kind === 'broker') {
    const { expiresAt } = identity.broker.view();
    return expiresAt === undefined ? undefined : { expiresAt, replaced: true };
  }
  const text = expiringText(identity);
  if (text === undefined) return undefined;
  const value = await new CredentialReader(text, fileRules, clock).read().catch(() => undefined);
  if (value === undefined) return undefined;
  const expiresAt = identity.kind === 'client-cert' ? certificateExpiry(value) : tokenExpiry(value);
  return expiresAt === undefined ? undefined : { expiresAt, replaced: text.kind === 'file' };
}

function expiringText(identity: ClusterIdentity) {
  switch (identity.kind) {
    case 'token':
      return identity.token;
    case 'client-cert':
      return identity.certificate;
    default:
      return undefined;
  }
}
