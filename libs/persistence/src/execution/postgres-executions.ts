import type { Database } from '../database/database.js';
import type { Notifier } from '../notify/notifier.js';
import type { Reason, StopIntent } from '@image-factory/domain';
import type * as E from '../execution/owned-execution.js';
import type * as L from '../lease/shard-lease.js';

export declare class PostgresExecutions {
  constructor(database: Database, notifier?: Notifier);
  findOwned(dispatcherId: string, executionIds?: readonly string[]): Promise<E.OwnedExecution[]>;
  markStarting(fence: L.ShardLease, executionId: string, created: { uid: string }): Promise<L.Fenced>;
  markCreateUnknown(fence: L.ShardLease, executionId: string): Promise<L.Fenced>;
  markRunning(fence: L.ShardLease, executionId: string, started: { firstStepStartedAt: Date }): Promise<L.Fenced>;
  setWaiting(fence: L.ShardLease, executionId: string, waiting: { reason: Reason; message: string } | undefined): Promise<L.Fenced>;
  setStopIntent(fence: L.ShardLease, executionId: string, intent: StopIntent): Promise<L.Fenced>;
  fixOutcome(fence: L.ShardLease, executionId: string, outcome: E.FixedOutcome): Promise<L.Fenced>;
  markPodsOver(fence: L.ShardLease, executionId: string): Promise<L.Fenced>;
  markCredentialsRemoved(fence: L.ShardLease, executionId: string): Promise<L.Fenced>;
  markSealed(fence: L.ShardLease, executionId: string, seal: { gap?: string }): Promise<L.Fenced>;
  finish(fence: L.ShardLease, executionId: string, finish: E.ExecutionFinish): Promise<L.Fenced>;
  markLoss(fence: L.ShardLease, executionId: string, lost: boolean): Promise<L.Fenced>;
  markSwept(fence: L.ShardLease, executionId: string): Promise<L.Fenced>;
  reserveTags(fence: L.ShardLease, executionId: string, reservation: E.TagReservation): Promise<E.ReservedTags>;
  markTagsPromoted(fence: L.ShardLease, executionId: string, promoted: { repository: string; tags: readonly string[] }): Promise<E.PromotedTags>;
}
