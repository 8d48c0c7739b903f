/** What tells a cluster of a cloud from every other one. */
export interface DiscoveredKey {
  readonly cloud: 'aws' | 'gcp' | 'azure';
  /** AWS account, Google Cloud project, Azure subscription. */
  readonly account: string;
  readonly location: string;
  /** Azure's; empty in other clouds. */
  readonly resourceGroup: string;
  readonly name: string;
}

/** What the cloud says of a cluster: shown, and compared from run to run. */
export type DiscoveredFacts = Readonly<Record<string, unknown>>;

/** One change that a run saw. */
export interface DiscoveredChange {
  readonly field: string;
  readonly from: unknown;
  readonly to: unknown;
  /** RFC 3339. */
  readonly at: string;
}

/**
 * Not adopted and not gone; used as a provider; given up by an administrator, so that no rule takes it again; no longer in
 * its cloud.
 */
export const DISCOVERED_STATES = ['found', 'adopted', 'retired', 'vanished'] as const;
export type DiscoveredState = (typeof DISCOVERED_STATES)[number];

/** A cluster that discovery has found. */
export interface DiscoveredCluster extends DiscoveredKey {
  readonly id: string;
  readonly state: DiscoveredState;
  readonly facts: DiscoveredFacts;
  /** The newest last; at most 20. */
  readonly changes: readonly DiscoveredChange[];
  readonly providerId: string | undefined;
  readonly firstSeenAt: Date;
  readonly lastSeenAt: Date;
  readonly changedAt: Date | undefined;
  readonly vanishedAt: Date | undefined;
  readonly retiredAt: Date | undefined;
}

/** What one scope has, to be compared with what is stored. */
export interface ListingToRecord {
  readonly cloud: DiscoveredKey['cloud'];
  /** Undefined: it is not known whose clusters would be listed, and nothing is recorded. */
  readonly account: string | undefined;
  /**
   * Who asked, where a cloud shows each identity only what it may see: a cluster that another one saw does not vanish when
   * this one does not see it. Undefined: every identity that is let in sees all.
   */
  readonly seenBy?: string | undefined;
  /** Undefined: every location of the account. */
  readonly location: string | undefined;
  /** False: what is not in it may exist all the same. */
  readonly complete: boolean;
  readonly clusters: readonly { readonly key: DiscoveredKey; readonly facts: DiscoveredFacts }[];
}

/** What a listing has changed, by ids. */
export interface RecordedListing {
  /** Every cluster that is in it, also those of which nothing is new. */
  readonly seen: readonly string[];
  readonly found: readonly string[];
  readonly changed: readonly string[];
  readonly vanished: readonly string[];
}

/** What a run is asked to look at; an empty object: what the dispatchers are configured with. */
export interface DiscoveryInput {
  readonly aws?: { readonly regions: readonly string[] };
  readonly gcp?: { readonly projects: readonly string[]; readonly locations?: readonly string[] };
  readonly azure?: { readonly subscriptions: readonly string[] };
}

/** One scope of a run, listed. */
export interface DiscoveryProgress {
  /** As in `aws/eu-west-1`. */
  readonly scope: string;
  readonly clusters: number;
  readonly found: number;
  readonly changed: number;
  readonly vanished: number;
  readonly adopted: number;
  readonly problems: readonly { readonly reason: string; readonly message: string }[];
}

export const DISCOVERY_STATUSES = ['pending', 'running', 'succeeded', 'failed'] as const;

/** A run of discovery: a job that some dispatcher carries out. */
export interface DiscoveryRun {
  readonly id: string;
  readonly status: (typeof DISCOVERY_STATUSES)[number];
  readonly input: DiscoveryInput;
  readonly progress: readonly DiscoveryProgress[];
  readonly reason: string | undefined;
  readonly message: string | undefined;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly finishedAt: Date | undefined;
}

/** A run that this process has taken. Its writes match no row once another has taken it over. */
export interface TakenRun {
  readonly id: string;
  readonly token: string;
  readonly input: DiscoveryInput;
}

/** A cluster to be used as a provider. */
export interface ClusterToAdopt {
  readonly clusterId: string;
  /** Stable: the same cluster adopted again is the same row. */
  readonly providerId: string;
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
  readonly isGlobal: boolean;
  readonly maxConcurrentBuilds: number;
  readonly capabilities: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}
