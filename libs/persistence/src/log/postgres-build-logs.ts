import { logStepKey, type LogCursor, type LogStep } from '@image-factory/domain';
import { Batcher, batchSettings } from '../database/batcher.js';
import type { Database } from '../database/database.js';
import { isPartitionMissing } from '../database/sql-state.js';
import { CHANNELS, type Notifier } from '../notify/notifier.js';
import { packRecords } from './chunk-format.js';
import type { CursorRow } from './log-cursor.js';
import { dropPartitionsBefore, ensurePartition, ensurePartitions } from './log-partitions.js';
import { packWrites, type PackedWrite } from './pack-log.js';
import { readLog } from './read-log.js';
import { LIST_CURSORS, READ_ALL_CURSORS } from './statements.js';
import type { LogAnswer, LogReadRequest, LogWrite, StoredCursor, StoredLogRecord, StoredStep } from './stored-log.js';
import { writePacked, type CursorMismatch } from './write-log.js';

/** Only a cursor that somebody else makes at the same time is waited for, and not for the statement's own limit. */
const FLUSH_SETTINGS = batchSettings({ lockWaitMs: 1_000 });

type CursorColumns = Omit<CursorRow, 'day' | 'next_seq'>;

interface StepRow extends Pick<CursorRow, 'byte_offset' | 'line_offset' | 'gaps' | 'ended_at'> {
  readonly task: string;
  readonly step_name: string;
  readonly ordinal: number;
}

/**
 * Logs of executions: compressed chunks in day partitions, and a cursor per step.
 *
 * Model: one flush is one transaction for all shards of a writer, each behind its token; it compares each step's cursor
 * with what the writer believes and sets it, so that two writers over an adoption cannot both be right. What is refused
 * of a flush keeps nothing else of it from being stored. Bytes come out as they went in.
 *
 * Failures: a write that met another cursor changes nothing. When the stored bytes there are the very same (its own
 * COMMIT whose answer was lost) it counts as done; other bytes are a conflict, never swallowed. A missing day partition
 * is made at once.
 */
export class PostgresBuildLogs {
  readonly #cursors: Batcher<string, ReadonlyMap<string, StoredCursor>>;

  constructor(
    private readonly database: Database,
    private readonly notifier?: Notifier,
  ) {
    this.#cursors = new Batcher({ run: (executionIds) => this.#readCursors(executionIds) });
  }

  /** Where a step's stored log ends: from here its follower goes on. */
  async cursor(executionId: string, step: LogStep): Promise<LogCursor> {
    const cursors = await this.cursors(executionId);
    const { gaps: _gaps, ...cursor } = cursors.get(logStepKey(step)) ?? NO_LOG;
    return cursor;
  }

  /** The same of every step that has a log, by `logStepKey`. Those that are asked for at the same time share a query. */
  cursors(executionId: string): Promise<ReadonlyMap<string, StoredCursor>> {
    return this.#cursors.submit(executionId);
  }

  /**
   * Stores one flush of any number of steps, at most one write for each step. Answers in the order of the writes.
   * @throws DomainError Unavailable DatabaseUnavailable: whether it was stored is not known; the same flush finds itself.
   * Also when a new cursor's key was not free for a second (`isConflictOrLockTimeout`): nothing is stored, others' writes may be
   */
  async write(writes: readonly LogWrite[]): Promise<LogAnswer[]> {
    const packed = await packWrites(writes);
    const met = await this.#writeOnce(packed);
    const answers = await Promise.all(
      met.map(async (answer, index): Promise<LogAnswer> => {
        if (answer.kind !== 'mismatch') return answer;
        const write = writes[index];
        return write === undefined ? { kind: 'state-moved' } : this.#settle(write, answer);
      }),
    );
    for (const [index, { kind }] of answers.entries()) {
      const write = writes[index];
      if (kind === 'done' && write !== undefined) this.notifier?.touch(CHANNELS.logs, write.batch.executionId);
    }
    return answers;
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

  async #writeOnce(packed: readonly PackedWrite[]): Promise<(LogAnswer | CursorMismatch)[]> {
    const once = (): Promise<(LogAnswer | CursorMismatch)[]> =>
      this.database.transaction((tx) => writePacked(tx, packed), { settings: FLUSH_SETTINGS });
    try {
      return packed.length === 0 ? [] : await once();
    } catch (error) {
      if (!isPartitionMissing(error)) throw error;
    }
    const days = packed.filter(({ chunks }) => chunks.length > 0).map(({ write }) => write.batch.day);
    for (const day of new Set(days)) await ensurePartition(this.database, day);
    return once();
  }

  /**
   * Reads back what lies where the batch should go: the same bytes are a repeated flush, others a conflict. A flush that
   * was stored when its step was not yet to end is ended now.
   */
  async #settle(write: LogWrite, { storedByteOffset, ended }: CursorMismatch): Promise<LogAnswer> {
    const { batch } = write;
    const wanted = packRecords(batch.records);
    const rawBytes = wanted.reduce((sum, chunk) => sum + chunk.rawBytes, 0);
    if (batch.expectedByteOffset + rawBytes !== storedByteOffset || rawBytes === 0)
      return { kind: 'conflict', why: `ends at byte ${storedByteOffset}, not where its writer believes` };
    const records = [];
    const request = { executionId: batch.executionId, step: batch.step, fromByteOffset: batch.expectedByteOffset };
    for await (const { record } of this.read(request)) records.push(record);
    const stored = Buffer.concat(packRecords(records).map((chunk) => chunk.data));
    if (!stored.equals(Buffer.concat(wanted.map((chunk) => chunk.data))))
      return { kind: 'conflict', why: 'has other bytes there' };
    if (!write.ends || ended) return { kind: 'done' };
    const rest = { ...write, batch: { ...batch, records: [], expectedByteOffset: storedByteOffset } };
    const [answer] = await this.write([rest]);
    return answer ?? { kind: 'done' };
  }

  async #readCursors(executionIds: readonly string[]): Promise<ReadonlyMap<string, StoredCursor>[]> {
    const found = new Map<string, Map<string, StoredCursor>>(executionIds.map((id) => [id, new Map()]));
    const rows = await this.database.query<CursorColumns>(READ_ALL_CURSORS, [[...found.keys()]]);
    for (const row of rows) {
      found.get(row.execution_id)?.set(row.step, {
        byteOffset: row.byte_offset,
        lineOffset: row.line_offset,
        lastTime: row.last_time ?? undefined,
        lastTimeCount: row.last_time_count,
        ended: row.ended_at !== null,
        gaps: row.gaps,
      });
    }
    return executionIds.map((id) => found.get(id) ?? new Map());
  }
}

const NO_LOG: StoredCursor = {
  byteOffset: 0,
  lineOffset: 0,
  lastTime: undefined,
  lastTimeCount: 0,
  ended: false,
  gaps: 0,
};
