import type { Secret } from '@image-factory/domain';

/** A text of a credential: given, or in a file that is read again when it changes. */
export type CredentialText =
  | { readonly kind: 'value'; readonly value: Secret }
  /** `trusted`: the path is ours (in-cluster), not the config's, and needs no allowed directory. */
  | { readonly kind: 'file'; readonly path: string; readonly trusted?: boolean };

/** Exactly one way to be somebody. */
export type ClusterIdentity =
  | { readonly kind: 'token'; readonly token: CredentialText }
  | { readonly kind: 'client-cert'; readonly certificate: CredentialText; readonly key: CredentialText };

/** All that is needed to reach one API server as one identity: data, no sockets. */
export interface ClusterAccess {
  /** `https://host[:port][/prefix]` without a trailing slash. */
  readonly server: string;
  /** PEM bundle that the server's certificate must chain to; the system's roots when undefined. */
  readonly ca: CredentialText | undefined;
  /** Name that the server's certificate must carry, when it is not the host's. */
  readonly tlsServerName: string | undefined;
  readonly identity: ClusterIdentity;
}
