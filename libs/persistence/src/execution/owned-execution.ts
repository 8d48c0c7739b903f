import type {
  AmountGiven,
  Attempt,
  AttemptEnd,
  BuildConfig,
  BuildStatus,
  EscalatedResource,
  ExecutionOutcome,
  ExecutionState,
  Fault,
  InfrastructureType,
  Reason,
  RetryDecision,
} from '@image-factory/domain';
import type { ShardLease } from '../lease/shard-lease.js';

/** A placed execution on a shard that the asking dispatcher holds, as its row stands now. */
export interface OwnedExecution extends Attempt {
  readonly projectId: string;
  readonly buildNumber: number;
  /** Order of submission over the whole installation: a newer build's tags win. */
  readonly buildOrdinal: number;
  readonly infrastructureType: InfrastructureType;
  readonly config: BuildConfig;
  readonly providerGeneration: number;
  readonly state: ExecutionState;
  readonly fence: ShardLease;
  readonly buildStatus: BuildStatus;
  readonly buildTimeoutMinutes: number;
  readonly startLimitMinutes: number;
  readonly stopRequestedAt: Date | undefined;
  readonly createUnknownSince: Date | undefined;
  readonly waitingReason: Reason | undefined;
  readonly waitingMessage: string | undefined;
  readonly outcome: ExecutionOutcome | undefined;
  readonly reason: Reason | undefined;
  readonly message: string | undefined;
  readonly fault: Fault | undefined;
  readonly imageDigest: string | undefined;
  readonly imageRepository: string | undefined;
  readonly tags: readonly string[];
  readonly gitRepositoryUrl: string;
  readonly registryAuthId: string | undefined;
  readonly repositoryAuthId: string | undefined;
  readonly traceparent: string | undefined;
  readonly submittedAt: Date;
  readonly slotHeld: boolean;
  /** By the database's clock, by which its times are to be judged (correctness rule 20). */
  readonly readAt: Date;
  /** `YYYY-MM-DD`: the partition of the attempt's log. */
  readonly logDay: string;
  /** What its steps ran: with the outcome all of it, before that until the last wait. */
  readonly runSeconds: number;
  /** Since when its steps are seen to run, by the database's time; undefined before, and while it waits. */
  readonly runSince: Date | undefined;
  readonly startSeconds: number;
  readonly claimedAt: Date;
  readonly placedAt: Date;
  /** When every object of the attempt was ensured on its place. */
  readonly createdAt: Date | undefined;
  readonly firstStepStartedAt: Date | undefined;
  readonly endedAt: Date | undefined;
  readonly outcomeAt: Date | undefined;
  readonly podsOverAt: Date | undefined;
  /** Nothing proved that they were over: their node was gone or did not answer, or nobody saw their end. */
  readonly podsPresumedOver: boolean;
  readonly credentialsRemovedAt: Date | undefined;
  readonly logSealedAt: Date | undefined;
  readonly promotedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
  readonly firstLossAt: Date | undefined;
}

/** The verdict of an ended attempt with its measured times. */
export interface FixedOutcome extends AttemptEnd {
  readonly runSeconds: number;
  readonly startSeconds: number;
  readonly firstStepStartedAt?: Date;
  readonly endedAt: Date;
}

/** Of what ran out, request and limit for the next attempt. */
export interface MoreOfResource extends AmountGiven {
  readonly resource: EscalatedResource;
}

/** How an attempt ends, for good. */
export interface ExecutionFinish {
  readonly state: 'succeeded' | 'failed' | 'cancelled' | 'moved' | 'lost';
  readonly reason: Reason;
  readonly message: string;
  /** The cause allows another attempt. */
  readonly retry: boolean;
  /** Wait this long before the next attempt may be claimed; undefined: at once. */
  readonly retryAfterMs?: number;
  /** Why there is or is not another attempt: kept with this one. Undefined for a success. */
  readonly decision?: RetryDecision;
  /** What the attempts that follow are given more of. */
  readonly more?: MoreOfResource;
}

/** The build whose image a tag must name: the newest of those that have promoted it. */
export interface TagWinner {
  readonly tag: string;
  readonly buildId: string;
  readonly buildOrdinal: number;
  readonly digest: string;
}

/** The light form, for comparing rows with memory (correctness rule 2). */
export interface OwnedSummary {
  readonly executionId: string;
  readonly buildId: string;
  readonly providerId: string;
  readonly state: ExecutionState;
  readonly buildStatus: BuildStatus;
}

/** What a dispatcher knows otherwise than its rows say. */
export interface OwnedDifference {
  /** New, or in another state. */
  readonly changed: readonly OwnedSummary[];
  /** Ids without a row on its shards. */
  readonly gone: readonly string[];
}
