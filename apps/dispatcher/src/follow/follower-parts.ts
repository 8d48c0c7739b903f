import type { Clock } from '@image-factory/domain';
import type { OwnedSummary, PostgresBuildLogs, PostgresExecutions, ShardLease } from '@image-factory/persistence';
import type { Logger, Metrics } from '@image-factory/telemetry';
import type { CredentialSource, ExecutionLimits, RetryParts } from '../execution/execution-scope.js';
import type { ClockJudge } from '../lease/clock-judge.js';
import type { LogBatcher } from '../log/log-batcher.js';
import type { ImagePublisher } from '../promotion/image-publisher.js';

/** What every provider's follower shares; made once by the composition root. */
export interface FollowerParts {
  readonly installationId: string;
  /** Undefined while unregistered. */
  readonly dispatcherId: () => string | undefined;
  readonly mayWrite: () => boolean;
  readonly executions: PostgresExecutions;
  readonly logs: PostgresBuildLogs;
  readonly batcher: LogBatcher;
  readonly credentials: CredentialSource;
  readonly publisher: ImagePublisher;
  readonly judge: ClockJudge;
  readonly limits: ExecutionLimits;
  readonly retry: RetryParts;
  readonly isLostForAll: (providerId: string) => Promise<boolean>;
  /** A fenced write found another owner: the shard is dropped here. */
  readonly onLeaseLost: (fence: ShardLease) => void;
  /** An execution's pods are over: a claim may take its slot. */
  readonly onSlotFreed: () => void;
  /** Nothing is left to do for the execution. */
  readonly onForgotten: (summary: OwnedSummary) => void;
  readonly reconcileConcurrency: number;
  /** As in FollowerOptions. */
  readonly watchStaleMs: number;
  readonly logLimitBytes: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}
