import type {
  AttemptCredentials,
  ExecutionFollower,
  InfrastructureType,
  MayWrite,
  Provider,
  RegistryHoldPolicy,
  RetryLimits,
} from '@image-factory/domain';
import type {
  Fenced,
  OwnedExecution,
  PostgresExecutions,
  PostgresRegistryHolds,
  PostgresRetries,
} from '@image-factory/persistence';
import type { Logger, Metrics } from '@image-factory/telemetry';
import type { ExecutionJournal } from '../log/execution-journal.js';
import type { ClockJudge } from '../lease/clock-judge.js';
import type { ImagePublisher } from '../promotion/image-publisher.js';

/** Limits of the clocks that the dispatcher itself keeps; the build's own limits are on its row. */
export interface ExecutionLimits {
  /** From the outcome to a sealed log; then what is missing becomes a marked gap. */
  readonly sealLimitMs: number;
  /** From the first failed contact to `lost`. */
  readonly lossLimitMs: number;
  /** From placed to created, while the place says "later". */
  readonly placementBudgetMs: number;
  /** After this an unanswered create can no longer land (the API server's own request deadline and a margin). */
  readonly requestDeadlineMs: number;
  /** From the outcome to the removal of pods that do not end by themselves. */
  readonly podGraceMs: number;
  /** From the sealed log to PublishFailed, while the registry says "later". */
  readonly publishLimitMs: number;
  /** How long a finished run stays on its cluster: no shorter than a failover of the database may lag (rule 4). */
  readonly runRetentionMs: number;
  /** Look again at least this often, whatever the watch says. */
  readonly lookAgainMs: number;
}

/** Opens what an attempt needs, for its own Secret and for the promotion of its image. */
export abstract class CredentialSource {
  abstract openForExecution(request: {
    readonly tenantId: string;
    readonly registryAuthId: string | undefined;
    readonly repositoryAuthId: string | undefined;
    readonly gitRepositoryUrl: string;
    readonly imageRepository: string | undefined;
  }): Promise<AttemptCredentials>;
}

/** What this process remembers of an execution between two looks; losing it costs time, never truth. */
export class ExecutionMemory {
  /** Creates issued by this process whose answers said "later" or nothing. */
  createTries = 0;
  publishTries = 0;
  failures = 0;
  lastStopMs: number | undefined;
  /** The database's time when the run was last seen to run, and not to wait for a pod. */
  ranAtMs: number | undefined;
  /** Monotonic time since which the run is seen to have ended. */
  endSeenMs: number | undefined;
  /** A run is there although none was known when the outcome was fixed. */
  sawLateRun = false;
  /** Monotonic time since which the registry could not say whether the attempt's image is there. */
  imageUnknownSinceMs: number | undefined;
}

/** What the end of an attempt is judged by. */
export interface RetryParts {
  readonly limits: RetryLimits;
  readonly holdPolicy: RegistryHoldPolicy;
  readonly retries: PostgresRetries;
  readonly registryHolds: PostgresRegistryHolds;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Everything that a step of the state machine may use. One per execution and reconcile. */
export interface ExecutionScope {
  readonly infrastructureType: InfrastructureType;
  readonly follower: ExecutionFollower;
  readonly executions: PostgresExecutions;
  readonly journal: ExecutionJournal;
  readonly credentials: CredentialSource;
  readonly publisher: ImagePublisher;
  readonly judge: ClockJudge;
  readonly limits: ExecutionLimits;
  readonly retry: RetryParts;
  readonly memory: ExecutionMemory;
  /** True while the lease is fresh and the execution's shard is ours. */
  readonly mayWrite: MayWrite;
  /** The provider as it was read last; undefined when its row is gone. */
  readonly provider: Provider | undefined;
  /** True when every live dispatcher has failed to reach the provider (rule 7). */
  readonly isLostForAll: () => Promise<boolean>;
  readonly monotonicMs: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * What the reconcile does after a step. `again`: the row has moved, look at it anew. `wait`: nothing to do until
 * something changes, or until `ms` have passed. `forget`: nothing is left to do. `leaseLost`: another owns the shard.
 */
export type StepResult =
  | { readonly kind: 'again' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'forget' }
  | { readonly kind: 'leaseLost' };

/** One state's step: looks at the row and the place, does one thing, says what comes next. */
export type ExecutionStep = (scope: ExecutionScope, row: OwnedExecution) => Promise<StepResult>;

export const AGAIN: StepResult = { kind: 'again' };

export function wait(ms: number): StepResult {
  return { kind: 'wait', ms: Math.max(10, Math.round(ms)) };
}

/** A fenced write's answer as a step's result: another's change of the row is looked at after a breath. */
export function afterWrite(fenced: Fenced): StepResult {
  if (fenced === 'lease-lost') return { kind: 'leaseLost' };
  return fenced === 'done' ? AGAIN : wait(200);
}
