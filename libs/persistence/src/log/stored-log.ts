import type { LogCursor, LogRecord, LogStep } from '@image-factory/domain';
import type { Fenced, ShardLease } from '../lease/shard-lease.js';

/** What one flush adds to one step. */
export interface LogBatch {
  readonly executionId: string;
  /** The execution's `logDay`, `YYYY-MM-DD`. */
  readonly day: string;
  readonly step: LogStep;
  readonly records: readonly LogRecord[];
  /** Raw bytes that the writer believes are stored: compared with the cursor under its lock. */
  readonly expectedByteOffset: number;
}

/** One step's part of a flush. */
export interface LogWrite {
  readonly fence: ShardLease;
  /** Without records when only the end is to be stored. */
  readonly batch: LogBatch;
  /** No more bytes will come for this step. */
  readonly ends: boolean;
}

/**
 * What became of it. `state-moved`: the execution is not placed on this shard. `locked`: somebody locks its shard or its
 * cursor; send it again. `conflict`: the step's stored log is not what its writer believes. Unless `done`, nothing of this
 * write was stored.
 */
export type LogAnswer = { readonly kind: Fenced | 'locked' } | { readonly kind: 'conflict'; readonly why: string };

/** Where a step's stored log ends, and how many gaps it has. */
export interface StoredCursor extends LogCursor {
  readonly gaps: number;
}

export interface StoredStep extends LogStep {
  /** Raw bytes stored so far. */
  readonly byteOffset: number;
  /** Lines stored so far. */
  readonly lineOffset: number;
  /** No more will come. */
  readonly ended: boolean;
  readonly gaps: number;
}

export interface StoredLogRecord {
  readonly record: LogRecord;
  /** Raw offset of the record's first byte in its step. */
  readonly byteOffset: number;
  /** 0-based number of the line; a gap has the number of the line that follows it. */
  readonly line: number;
}

export interface LogReadRequest {
  readonly executionId: string;
  readonly step: Pick<LogStep, 'task' | 'step'>;
  /** Begin at this raw byte; inside a line, its rest comes first. Default 0. */
  readonly fromByteOffset?: number;
  /** Begin at this 0-based line; not together with `fromByteOffset`. */
  readonly fromLine?: number;
  /** Gap records at exactly `fromByteOffset` that the reader has had already: a gap has no bytes of its own. */
  readonly skipGaps?: number;
  /** Stop after the record that reaches this many raw bytes. Default: no limit. */
  readonly limitBytes?: number;
}
