import type { Secret } from '@image-factory/domain';

/** What kind of thing a credential opens; also the name of its table. */
export const CREDENTIAL_KINDS = ['registry', 'repository'] as const;
export type CredentialKind = (typeof CREDENTIAL_KINDS)[number];

/** A registry or git credential as answers show it: its values are write-only. */
export interface Credential {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  /** Tells two values apart without telling either. */
  readonly fingerprint: string;
  readonly createdAt: Date;
}

/** Values of a registry credential, before sealing. */
export type RegistryAuthValue =
  | { readonly type: 'dockerconfigjson'; readonly dockerconfigjson: Secret }
  | { readonly type: 'basic'; readonly server: string; readonly username: string; readonly password: Secret };

/** Values of a git credential, before sealing. */
export type RepositoryAuthValue =
  | { readonly type: 'token'; readonly username: string; readonly token: Secret }
  | { readonly type: 'basic'; readonly username: string; readonly password: Secret }
  | { readonly type: 'ssh_key'; readonly privateKey: Secret; readonly knownHosts: string };
