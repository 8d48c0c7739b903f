import {
  EXECUTION_START_STEP,
  LogSink,
  logStepKey,
  type LogCursor,
  type LogRecord,
  type LogStep,
} from '@image-factory/domain';
import type { PostgresBuildLogs, StoredCursor } from '@image-factory/persistence';
import type { LogBatcher } from './log-batcher.js';
import { recordBytes, type LogTarget } from './step-buffer.js';

type StoredCursors = ReadonlyMap<string, StoredCursor>;

/**
 * Where an executor's follower puts one attempt's log: the process's batcher, under the attempt's byte cap. Past the
 * cap each step that loses bytes says so once, and the rest is read and dropped, so that the run is followed to its
 * end. The product's own lines are never dropped.
 *
 * What is stored is read once for all steps: under this lease nobody else writes, and a step that stands elsewhere all
 * the same is refused by the store and then read anew.
 */
export class BatchedLogSink extends LogSink {
  readonly #cutSteps = new Set<string>();
  readonly #opened = new Set<string>();
  readonly #ended = new Set<string>();
  #listed: Promise<StoredCursors> | undefined;
  #storedBytes: number | undefined;

  constructor(
    private readonly batcher: LogBatcher,
    private readonly logs: PostgresBuildLogs,
    private readonly target: LogTarget,
    private readonly limitBytes: number,
  ) {
    super();
  }

  override async cursor(step: LogStep): Promise<LogCursor> {
    const key = logStepKey(step);
    const listed = await this.#list();
    const known = this.#opened.has(key) ? undefined : (listed.get(key) ?? NOTHING_STORED);
    this.#opened.add(key);
    const cursor = await this.batcher.open(this.target, step, known);
    if (cursor.ended) this.#ended.add(key);
    return cursor;
  }

  override async append(step: LogStep, records: readonly LogRecord[]): Promise<void> {
    if (step.task === EXECUTION_START_STEP.task) return this.batcher.append(this.target, step, records);
    if (this.#cutSteps.has(logStepKey(step))) return;
    await this.#list();
    const stored = this.#storedBytes ?? 0;
    const bytes = recordBytes(records);
    this.#storedBytes = stored + bytes;
    if (stored + bytes <= this.limitBytes) return this.batcher.append(this.target, step, records);
    this.#cutSteps.add(logStepKey(step));
    const fitting = fittingRecords(records, this.limitBytes - stored);
    const time = records[fitting.length]?.time ?? new Date(0).toISOString();
    await this.batcher.append(this.target, step, [...fitting, truncationMarker(time, this.limitBytes)]);
  }

  override async end(step: LogStep): Promise<void> {
    const key = logStepKey(step);
    // A step that ends without having started was never opened.
    if (!this.#opened.has(key)) await this.cursor(step);
    if (this.#ended.has(key)) return;
    await this.batcher.end(this.target, step);
    this.#ended.add(key);
  }

  async #list(): Promise<StoredCursors> {
    this.#listed ??= this.logs.cursors(this.target.executionId).then((cursors) => this.#measure(cursors));
    try {
      return await this.#listed;
    } catch (error) {
      this.#listed = undefined;
      throw error;
    }
  }

  #measure(cursors: StoredCursors): StoredCursors {
    const storedBytes = [...cursors.values()].reduce((sum, cursor) => sum + cursor.byteOffset, 0);
    if (storedBytes >= this.limitBytes) {
      for (const [key, { gaps }] of cursors) if (gaps > 0) this.#cutSteps.add(key);
    }
    this.#storedBytes ??= storedBytes;
    return cursors;
  }
}

const NOTHING_STORED: LogCursor = {
  byteOffset: 0,
  lineOffset: 0,
  lastTime: undefined,
  lastTimeCount: 0,
  ended: false,
};

function fittingRecords(records: readonly LogRecord[], roomBytes: number): readonly LogRecord[] {
  let bytes = 0;
  const cut = records.findIndex((record) => (bytes += recordBytes([record])) > roomBytes);
  return cut === -1 ? records : records.slice(0, cut);
}

function truncationMarker(time: string, limitBytes: number): LogRecord {
  const message = `the log of this attempt has reached its limit of ${limitBytes} bytes; what follows was not stored`;
  return { kind: 'gap', time, reason: 'LogTruncated', message };
}
