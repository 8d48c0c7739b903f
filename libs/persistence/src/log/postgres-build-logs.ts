import type { Database } from '../database/database.js';
import type { Notifier } from '../notify/notifier.js';
import type { LogCursor, LogStep } from '@image-factory/domain';
import type * as L from '../lease/shard-lease.js';
import type * as G from '../log/stored-log.js';

export declare class PostgresBuildLogs {
  constructor(database: Database, notifier?: Notifier);
  cursor(executionId: string, step: LogStep): Promise<LogCursor>;
  append(fence: L.ShardLease, batches: readonly G.LogBatch[]): Promise<L.Fenced>;
  endStep(fence: L.ShardLease, executionId: string, step: LogStep): Promise<L.Fenced>;
  listSteps(executionId: string): Promise<G.StoredStep[]>;
  read(request: G.LogReadRequest): AsyncIterable<G.StoredLogRecord>;
  ensurePartitions(daysAhead: number): Promise<void>;
  dropPartitionsBefore(day: string): Promise<string[]>;
}
