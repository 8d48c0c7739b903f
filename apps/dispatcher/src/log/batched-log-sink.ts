import {
  DomainError,
  EXECUTION_START_STEP,
  LogSink,
  logStepKey,
  type LogCursor,
  type LogRecord,
  type LogStep,
} from '@image-factory/domain';
import type { PostgresBuildLogs } from '@image-factory/persistence';
import type { LogBatcher } from './log-batcher.js';
import { recordBytes, type LogTarget } from './step-buffer.js';

/**
 * Where an executor's follower puts one attempt's log: the process's batcher, under the attempt's byte cap. Past the
 * cap each step that loses bytes says so once, and the rest is read and dropped, so that the run is followed to its
 * end. The product's own lines are never dropped.
 */
export class BatchedLogSink extends LogSink {
  readonly #cutSteps = new Set<string>();
  readonly #opened = new Set<string>();
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
    await this.#measure();
    const cursor = await this.batcher.open(this.target, step);
    this.#opened.add(logStepKey(step));
    return cursor;
  }

  override async append(step: LogStep, records: readonly LogRecord[]): Promise<void> {
    if (step.task === EXECUTION_START_STEP.task) return this.batcher.append(this.target, step, records);
    if (this.#cutSteps.has(logStepKey(step))) return;
    const stored = await this.#measure();
    const bytes = recordBytes(records);
    this.#storedBytes = stored + bytes;
    if (stored + bytes <= this.limitBytes) return this.batcher.append(this.target, step, records);
    this.#cutSteps.add(logStepKey(step));
    const fitting = fittingRecords(records, this.limitBytes - stored);
    const time = records[fitting.length]?.time ?? new Date(0).toISOString();
    await this.batcher.append(this.target, step, [...fitting, truncationMarker(time, this.limitBytes)]);
  }

  override async end(step: LogStep): Promise<void> {
    // A step that ends without having started was never opened, and has nothing to flush.
    if (this.#opened.has(logStepKey(step))) await this.batcher.flush(this.target, step);
    const fenced = await this.logs.endStep(this.target.fence, this.target.executionId, step);
    if (fenced === 'lease-lost') {
      throw new DomainError({ kind: 'Conflict', reason: 'LeaseLost', message: 'the shard has another owner' });
    }
  }

  async #measure(): Promise<number> {
    if (this.#storedBytes === undefined) {
      const steps = await this.logs.listSteps(this.target.executionId);
      const storedBytes = steps.reduce((sum, step) => sum + step.byteOffset, 0);
      if (storedBytes >= this.limitBytes) {
        for (const step of steps) if (step.gaps > 0) this.#cutSteps.add(logStepKey(step));
      }
      this.#storedBytes ??= storedBytes;
    }
    return this.#storedBytes;
  }
}

function fittingRecords(records: readonly LogRecord[], roomBytes: number): readonly LogRecord[] {
  let bytes = 0;
  const cut = records.findIndex((record) => (bytes += recordBytes([record])) > roomBytes);
  return cut === -1 ? records : records.slice(0, cut);
}

function truncationMarker(time: string, limitBytes: number): LogRecord {
  const message = `the log of this attempt has reached its limit of ${limitBytes} bytes; what follows was not stored`;
  return { kind: 'gap', time, reason: 'LogTruncated', message };
}
