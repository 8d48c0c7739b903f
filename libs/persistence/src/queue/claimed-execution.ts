import type {
  BuildConfig,
  BuildMethod,
  BuildResources,
  InfrastructureType,
  Parking,
  Place,
  PlacementDecision,
  Reason,
  RenderedDocument,
  Requirements,
} from '@image-factory/domain';

/** A claimed build with everything that placing and rendering need. */
export interface ClaimedExecution {
  readonly executionId: string;
  readonly claimToken: string;
  readonly buildId: string;
  readonly tenantId: string;
  readonly projectId: string;
  readonly buildNumber: number;
  /** 1 for the first. */
  readonly attempt: number;
  readonly buildMethod: BuildMethod;
  readonly infrastructureType: InfrastructureType;
  readonly requestedProviderId: string | undefined;
  readonly config: BuildConfig;
  readonly gitRepositoryUrl: string;
  readonly gitBranch: string | undefined;
  readonly gitCommit: string | undefined;
  readonly imageRepository: string | undefined;
  readonly registryAuthId: string | undefined;
  readonly repositoryAuthId: string | undefined;
  readonly buildTimeoutMinutes: number;
  readonly startLimitMinutes: number;
  readonly resources: BuildResources;
  /** What it asks of its provider besides CPU and memory. */
  readonly requirements: Requirements;
  readonly traceparent: string | undefined;
  readonly tektonEnabledForTenant: boolean;
  readonly allowedMethods: readonly BuildMethod[];
  /** Times that it was claimed and came back without an attempt being used. */
  readonly bounces: number;
  /** From submitted (or `not_before`, or back from an earlier attempt) to this claim, by the database's clock. */
  readonly waitedSeconds: number;
}

export interface ClaimRequest {
  readonly dispatcherId: string;
  /** Free slots, at most 500. */
  readonly limit: number;
}

export interface ClaimResult {
  readonly claimed: readonly ClaimedExecution[];
  /** Builds that wait only because their tenant, or all together, are at their limit; counted when the claim was not filled. */
  readonly skippedForLimit: number;
}

export interface PlacementCommit {
  readonly executionId: string;
  readonly dispatcherId: string;
  readonly claimToken: string;
  readonly providerId: string;
  readonly providerGeneration: number;
  /** '' for clusters; the host's id for the local executor. */
  readonly host: string;
  readonly shard: number;
  readonly place: Place;
  readonly document: RenderedDocument;
  readonly decision: PlacementDecision;
  /** What the document gives the attempt of disk; undefined: what its place gives. */
  readonly ephemeralStorageLimitBytes?: number | undefined;
  readonly workspaceBytes?: number | undefined;
}

export type PlacementResult =
  | { readonly kind: 'placed' }
  /** Another owner, an expired claim, or a build that was cancelled meanwhile: nothing is left to do. */
  | { readonly kind: 'claim-lost' }
  /** The database failed over, and the clusters are not compared with it yet: an earlier placement may be lost. */
  | { readonly kind: 'database-doubted' }
  /** The provider changed since the decision: choose again or park. */
  | { readonly kind: 'provider-refused'; readonly reason: Reason; readonly message: string };

export interface ParkRequest {
  readonly executionId: string;
  readonly dispatcherId: string;
  readonly parking: Parking;
  readonly decision?: PlacementDecision;
}

export interface ReleaseRequest {
  readonly executionId: string;
  readonly dispatcherId: string;
  readonly reason: Reason;
  readonly message: string;
}

export interface CancelRequest {
  readonly buildId: string;
  readonly tenantId: string;
  readonly actor: string;
  readonly reason: string | undefined;
}

export type CancelResult =
  | { readonly kind: 'cancelled' | 'cancelling' | 'already'; readonly status: 'cancelled' | 'cancelling' }
  | { readonly kind: 'finished'; readonly status: 'completed' | 'failed' }
  | { readonly kind: 'not-found' };

/** A lane whose stored counters differed from what its builds and executions say, or its limits from its tenant's. */
export interface LaneDrift {
  readonly tenantId: string;
  /** CPU in thousandths, memory in bytes. */
  readonly counter:
    'queued' | 'parked' | 'running' | 'runningCpu' | 'runningMemory' | 'maxRunning' | 'guaranteed' | 'weight';
  readonly stored: number;
  readonly actual: number;
}

/** A provider whose stored count of running executions differed. */
export interface ProviderDrift {
  readonly providerId: string;
  readonly stored: number;
  readonly actual: number;
}

/** A project with a limit whose stored count of running executions differed, or what claims take for its limit. */
export interface ProjectDrift {
  readonly projectId: string;
  readonly counter: 'running' | 'maxRunning';
  readonly stored: number;
  readonly actual: number;
}

/** What the reconciler found and corrected; anything here is a defect. */
export interface CounterDrift {
  readonly drift: readonly LaneDrift[];
  readonly projects: readonly ProjectDrift[];
  readonly providers: readonly ProviderDrift[];
}
