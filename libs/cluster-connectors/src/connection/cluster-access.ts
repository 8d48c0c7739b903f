import type { Secret } from '@image-factory/domain';
import type { TokenBroker } from '../broker/token-broker.js';

/** A text of a credential: given, or in a file that is read again when it changes. */
export type CredentialText =
  | { readonly kind: 'value'; readonly value: Secret }
  /** `trusted`: the path is ours (in-cluster), not the config's, and needs no allowed directory. */
  | { readonly kind: 'file'; readonly path: string; readonly trusted?: boolean };

/** Exactly one way to be somebody. */
export type ClusterIdentity =
  | { readonly kind: 'token'; readonly token: CredentialText }
  /** Tokens that are made as they are needed, by a cloud's identity. */
  | { readonly kind: 'broker'; readonly broker: TokenBroker }
  | { readonly kind: 'client-cert'; readonly certificate: CredentialText; readonly key: CredentialText };

/** All that is needed to reach one API server as one identity: no sockets. */
export interface ClusterAccess {
  /** `https://host[:port][/prefix]` without a trailing slash. */
  readonly server: string;
  /** PEM bundle that the server's certificate must chain to; the system's roots when undefined. */
  readonly ca: CredentialText | undefined;
  /** Name that the server's certificate must carry, when it is not the host's. */
  readonly tlsServerName: string | undefined;
  readonly identity: ClusterIdentity;
  /** `http(s)://host[:port]` of a proxy through which the server is reached. */
  readonly proxy?: string;
  /** What to do when the server cannot be reached, for one that answers inside a private network only. */
  readonly privateEndpoint?: string;
  /**
   * Asks anew where the cluster is: true when its server, its CA or the identity that its cloud gives is another one now.
   * Only clouds can tell.
   */
  readonly hasMoved?: () => Promise<boolean>;
  /** Told that the server has answered and knew who asked. */
  readonly reached?: () => void;
}
