import type { AzureCloud } from '@image-factory/cluster-connectors';
import type { Reason } from '@image-factory/domain';

/** What one listing covers. */
export type DiscoveryScope =
  | { readonly cloud: 'aws'; readonly region: string }
  /** `-` is every location of the project. */
  | { readonly cloud: 'gcp'; readonly project: string; readonly location: string }
  | { readonly cloud: 'azure'; readonly subscription: string; readonly azureCloud: AzureCloud };

/** What tells a cluster from every other one. */
export interface FoundClusterKey {
  readonly cloud: 'aws' | 'gcp' | 'azure';
  /** AWS account, Google Cloud project, Azure subscription. */
  readonly account: string;
  /** Region or zone. */
  readonly location: string;
  /** Azure's; empty in other clouds. */
  readonly resourceGroup: string;
  readonly name: string;
}

/** What the cloud says of it, as far as it is of use to an administrator. */
export interface FoundClusterFacts {
  /** The cloud's own word, as in ACTIVE, RUNNING, Succeeded. */
  readonly status: string;
  readonly version: string | undefined;
  readonly endpoint: string | undefined;
  /** SHA-256 of the CA's PEM: a change of it is shown, the CA itself is asked for when a connection is made. */
  readonly caFingerprint: string | undefined;
  /** The API server is reached from inside the cloud's network only. */
  readonly privateOnly: boolean;
  readonly tags: Readonly<Record<string, string>>;
  /** Azure's, when it is not the public one. */
  readonly azureCloud?: AzureCloud | undefined;
  /** The cloud's own name: ARN, self link, resource id. */
  readonly resource: string;
}

export interface FoundCluster {
  readonly key: FoundClusterKey;
  readonly facts: FoundClusterFacts;
}

/** Something that could not be listed, and why. */
export interface DiscoveryProblem {
  readonly reason: Reason;
  readonly message: string;
}

/**
 * What one scope has. With a problem it is incomplete: what is in it was seen, what is not in it may exist all the same.
 */
export interface ScopeListing {
  readonly scope: DiscoveryScope;
  /** Whose clusters these are; undefined when it is not known, and so nothing is said about what is not in it. */
  readonly account: string | undefined;
  /** Who asked, where a cloud shows each identity only what it may see: its silence tells nothing about what others saw. */
  readonly seenBy?: string | undefined;
  readonly clusters: readonly FoundCluster[];
  readonly problems: readonly DiscoveryProblem[];
}

/** As in `aws/eu-west-1`. */
export function scopeName(scope: DiscoveryScope): string {
  if (scope.cloud === 'aws') return `aws/${scope.region}`;
  if (scope.cloud === 'gcp') return `gcp/${scope.project}/${scope.location}`;
  return `azure/${scope.subscription}`;
}
