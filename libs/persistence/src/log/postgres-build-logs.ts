import { logStepKey, type LogCursor, type LogStep } from '@image-factory/domain';
import type { Database } from '../database/database.js';
import { isPartitionMissing } from '../database/sql-state.js';
import type { Fenced, ShardLease } from '../lease/shard-lease.js';
import { CHANNELS, type Notifier } from '../notify/notifier.js';
import {
  appendPacked,
  lockCursors,
  logConflict,
  packBatches,
  type CursorMismatch,
  type PackedBatch,
} from './append-log.js';
import { packRecords } from './chunk-format.js';
import { cursorKey, type CursorRow } from './log-cursor.js';
import { dropPartitionsBefore, ensurePartition, ensurePartitions } from './log-partitions.js';
import { readLog } from './read-log.js';
import { END_CURSOR, LIST_CURSORS, LOG_FENCE, READ_CURSOR } from './statements.js';
import type { LogBatch, LogReadRequest, StoredLogRecord, StoredStep } from './stored-log.js';

interface StepRow extends Pick<CursorRow, 'byte_offset' | 'line_offset' | 'gaps' | 'ended_at'> {
  readonly task: string;
  readonly step_name: string;
  readonly ordinal: number;
}

/**
 * Logs of executions: compressed chunks in day partitions, and a cursor per step.
 *
 * Model: one flush is one transaction behind the shard's token; it compares each step's cursor with what the writer
 * believes and sets it, so that two writers over an adoption cannot both be right. Bytes come out as they went in.
 *
 * Failures: a flush that met another cursor changes nothing. When the stored bytes there are the very same (its own
 * COMMIT whose answer was lost) it counts as done; other bytes are an error, never swallowed. A missing day partition
 * is made at once.
 */
export class PostgresBuildLogs {
  constructor(
    private readonly database: Database,
    private readonly notifier?: Notifier,
  ) {}

  /** Where a step's stored log ends: from here its follower goes on. */
  async cursor(executionId: string, step: LogStep): Promise<LogCursor> {
    const [row] = await this.database.query<CursorRow>(READ_CURSOR, [executionId, logStepKey(step)]);
    return {
      byteOffset: row?.byte_offset ?? 0,
      lineOffset: row?.line_offset ?? 0,
      lastTime: row?.last_time ?? undefined,
      lastTimeCount: row?.last_time_count ?? 0,
      ended: (row?.ended_at ?? null) !== null,
    };
  }

  /**
   * Stores one flush of any number of steps of one shard, at most one batch for each step.
   * `state-moved`: an execution is not placed on this shard.
   * @throws DomainError Conflict when a step's stored log is not what its writer believes
   */
  async append(fence: ShardLease, batches: readonly LogBatch[]): Promise<Fenced> {
    const wanted = batches.filter((batch) => batch.records.length > 0);
    if (wanted.length === 0) return 'done';
    let packed = await packBatches(wanted);
    while (packed.length > 0) {
      const answer = await this.#appendOnce(fence, packed);
      if (typeof answer === 'string') {
        if (answer === 'done') this.#touch(wanted);
        return answer;
      }
      for (const mismatch of answer) await this.#assertStored(mismatch);
      const stored = new Set(answer.map((mismatch) => cursorKey(mismatch.batch)));
      packed = packed.filter(({ batch }) => !stored.has(cursorKey(batch)));
    }
    return 'done';
  }

  /** No more bytes will come for this step; a step that never began ends empty. May be repeated. */
  async endStep(fence: ShardLease, executionId: string, step: LogStep): Promise<Fenced> {
    const fenced = await this.database.transaction<Fenced>(async (tx) => {
      const held = await tx.query(LOG_FENCE, [fence.providerId, fence.host, fence.shard, fence.token]);
      if (held.length === 0) return 'lease-lost';
      const cursors = await lockCursors(tx, fence, [{ executionId, step }]);
      if (cursors.size === 0) return 'state-moved';
      await tx.query(END_CURSOR, [executionId, logStepKey(step), fence.token]);
      return 'done';
    });
    if (fenced === 'done') this.notifier?.touch(CHANNELS.logs, executionId);
    return fenced;
  }

  /** The steps of an execution that have a log, in the order of the whole log. */
  async listSteps(executionId: string): Promise<StoredStep[]> {
    const rows = await this.database.query<StepRow>(LIST_CURSORS, [executionId]);
    return rows.map((row) => ({
      task: row.task,
      step: row.step_name,
      ordinal: row.ordinal,
      byteOffset: row.byte_offset,
      lineOffset: row.line_offset,
      ended: row.ended_at !== null,
      gaps: row.gaps,
    }));
  }

  /** The stored records of one step, from a byte or a line on, to where its log ends now. */
  read(request: LogReadRequest): AsyncIterable<StoredLogRecord> {
    return readLog(this.database, request);
  }

  /** Makes sure of the partitions from yesterday to `daysAhead` days ahead. */
  async ensurePartitions(daysAhead: number): Promise<void> {
    await ensurePartitions(this.database, daysAhead);
  }

  /** Retention: drops whole days before `day` (`YYYY-MM-DD`) and returns them. */
  async dropPartitionsBefore(day: string): Promise<string[]> {
    return dropPartitionsBefore(this.database, day);
  }

  async #appendOnce(fence: ShardLease, packed: readonly PackedBatch[]): Promise<Fenced | readonly CursorMismatch[]> {
    try {
      return await this.database.transaction((tx) => appendPacked(tx, fence, packed));
    } catch (error) {
      if (!isPartitionMissing(error)) throw error;
    }
    for (const day of new Set(packed.map(({ batch }) => batch.day))) await ensurePartition(this.database, day);
    return this.database.transaction((tx) => appendPacked(tx, fence, packed));
  }

  /** Reads back what lies where the batch should go: the same bytes are a repeated flush, others a conflict. */
  async #assertStored({ batch, storedByteOffset }: CursorMismatch): Promise<void> {
    const wanted = packRecords(batch.records);
    const rawBytes = wanted.reduce((sum, chunk) => sum + chunk.rawBytes, 0);
    const missing = batch.expectedByteOffset + rawBytes !== storedByteOffset || rawBytes === 0;
    if (missing) throw logConflict(batch, `ends at byte ${storedByteOffset}, not where its writer believes`);
    const records = [];
    const request = { executionId: batch.executionId, step: batch.step, fromByteOffset: batch.expectedByteOffset };
    for await (const { record } of this.read(request)) records.push(record);
    const stored = Buffer.concat(packRecords(records).map((chunk) => chunk.data));
    if (!stored.equals(Buffer.concat(wanted.map((chunk) => chunk.data))))
      throw logConflict(batch, 'has other bytes there');
  }

  #touch(batches: readonly LogBatch[]): void {
    for (const batch of batches) this.notifier?.touch(CHANNELS.logs, batch.executionId);
  }
}
