import type { Clock, Reason } from '@image-factory/domain';
import { certificateExpiry, tokenExpiry } from '../auth/token-expiry.js';
import type { CredentialFileRules } from '../auth/credential-file.js';
import { CredentialReader } from '../auth/credential-reader.js';
import type { ClusterIdentity } from './cluster-access.js';

/** What is known of the credential of a connection, now. */
export interface CredentialView {
  /** When what is in use ends, if it says so; a token that is made as it is needed is renewed before. */
  readonly expiresAt: Date | undefined;
  /** True when it is renewed here, so that its end is nobody's concern. */
  readonly renewed: boolean;
  /** Tokens made, and tries that failed; 0 for what is not made here. */
  readonly renewals: number;
  readonly failures: number;
  /** Why the last try failed; undefined when it did not. */
  readonly failure: Reason | undefined;
}

/** Reads the end of what is in use; files are read. @throws DomainError CredentialUnreadable */
export async function viewCredential(
  identity: ClusterIdentity,
  fileRules: CredentialFileRules,
  clock: Clock,
): Promise<CredentialView> {
  if (identity.kind === 'broker') return { renewed: true, ...identity.broker.view() };
  const text = identity.kind === 'token' ? identity.token : identity.certificate;
  const read = await new CredentialReader(text, fileRules, clock).read();
  const expiresAt = identity.kind === 'token' ? tokenExpiry(read) : certificateExpiry(read);
  return { renewed: false, expiresAt, renewals: 0, failures: 0, failure: undefined };
}
