import { X509Certificate } from 'node:crypto';
import type { Clock } from '@image-factory/domain';
import type { CredentialFileRules } from '../auth/credential-file.js';
import { CredentialReader } from '../auth/credential-reader.js';
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
  const expiresAt = identity.kind === 'client-cert' ? certificateEnd(value) : tokenEnd(value);
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

/** `notAfter` of the first certificate of a PEM. */
function certificateEnd(pem: string): Date | undefined {
  try {
    return new X509Certificate(pem).validToDate;
  } catch {
    return undefined;
  }
}

/** `exp` of a JWT (RFC 7519), unverified: it only tells when to look again. Other tokens say nothing. */
function tokenEnd(token: string): Date | undefined {
  const payload = token.trim().split('.')[1];
  if (payload === undefined) return undefined;
  try {
    const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { exp?: unknown };
    return typeof exp === 'number' && Number.isFinite(exp) ? new Date(exp * 1000) : undefined;
  } catch {
    return undefined;
  }
}
