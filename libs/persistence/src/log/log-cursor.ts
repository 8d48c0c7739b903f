import { logStepKey, type LogRecord } from '@image-factory/domain';
import type { LogBatch } from './stored-log.js';

/** A cursor row: where a step's stored log ends. */
export interface CursorRow {
  readonly execution_id: string;
  readonly step: string;
  readonly day: string;
  readonly next_seq: number;
  readonly byte_offset: number;
  readonly line_offset: number;
  readonly last_time: string | null;
  readonly last_time_count: number;
  readonly gaps: number;
  readonly ended_at: Date | null;
}

/** The time of the last line and how many last lines carry it, after more records. */
export interface LastTime {
  readonly time: string | null;
  readonly count: number;
}

export function lastTimeAfter(before: LastTime, records: readonly LogRecord[]): LastTime {
  let { time, count } = before;
  for (const record of records) {
    if (record.kind !== 'line') continue;
    if (record.time === time) count += 1;
    else [time, count] = [record.time, 1];
  }
  return { time, count };
}

/** Key of a step of an execution, in maps. */
export function cursorKey(batch: Pick<LogBatch, 'executionId' | 'step'>): string {
  return `${batch.executionId}/${logStepKey(batch.step)}`;
}
