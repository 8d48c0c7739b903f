import type { Secret } from '@image-factory/domain';
import type { EndingValue } from '../broker/renewed-value.js';
import type { ClusterIdentity } from '../connection/cluster-access.js';

/** What a cloud says about one of its clusters. */
export interface DescribedCluster {
  /** `https://host[:port]` */
  readonly server: string;
  /** PEM bundle; undefined when the endpoint has a publicly trusted certificate. */
  readonly ca: Secret | undefined;
  /** The cure when the endpoint is not reached, for one that does not answer everywhere. */
  readonly privateEndpoint?: string;
  /** A credential that came with the description (AKS with local accounts): it is used instead of tokens. */
  readonly identity?: ClusterIdentity;
}

/**
 * One cluster as its cloud knows it, asked by one identity. All throw DomainErrors with a CloudReason.
 *
 * `Credential` is what the cloud's own API is asked with: keys, an access token. It is made seldom and kept by the
 * session, which hands it to whoever needs it.
 */
export interface CloudCluster<Credential = unknown> {
  /** For messages: `EKS cluster prod in us-east-1`. */
  readonly name: string;
  /** A new credential: the identity of this process or of the config, then the role or account that it takes. */
  authenticate(signal: AbortSignal): Promise<EndingValue<Credential>>;
  describe(credential: () => Promise<Credential>, signal: AbortSignal): Promise<DescribedCluster>;
  /** A token for the cluster's API server. */
  mint(credential: () => Promise<Credential>, signal: AbortSignal): Promise<EndingValue<string>>;
}
