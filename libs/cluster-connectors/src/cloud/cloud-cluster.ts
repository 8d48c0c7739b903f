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

/** One cluster as its cloud knows it, asked by one identity. Both throw DomainErrors with a CloudReason. */
export interface CloudCluster {
  /** For messages: `EKS cluster prod in us-east-1`. */
  readonly name: string;
  describe(signal: AbortSignal): Promise<DescribedCluster>;
  /**
   * A token for the cluster's API server. `refused`: the one before was not taken, so that sessions which are kept for
   * making tokens may be revoked and are made anew.
   */
  mint(signal: AbortSignal, refused: boolean): Promise<EndingValue<string>>;
}
