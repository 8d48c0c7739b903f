import { LogSink, logStepKey, type LogCursor, type LogRecord, type LogStep } from '@image-factory/domain';

interface Kept {
  readonly step: LogStep;
  readonly records: LogRecord[];
  ended: boolean;
}

/** A log store in memory with the cursor's semantics: what a follower put where, and where it would resume. */
export class RecordingLogSink extends LogSink {
  readonly #steps = new Map<string, Kept>();
  /** Awaited before each append is accepted; throws to play a lost lease. */
  beforeAppend: (step: LogStep, records: readonly LogRecord[]) => Promise<void> = () => Promise.resolve();

  override cursor(step: LogStep): Promise<LogCursor> {
    const kept = this.#kept(step);
    const lines = kept.records.filter((record) => record.kind === 'line');
    const lastTime = lines.at(-1)?.time;
    return Promise.resolve({
      byteOffset: lines.reduce((sum, line) => sum + line.text.byteLength + (line.newline ? 1 : 0), 0),
      lineOffset: lines.length,
      lastTime,
      lastTimeCount: lines.filter((line) => line.time === lastTime).length,
      ended: kept.ended,
    });
  }

  override async append(step: LogStep, records: readonly LogRecord[]): Promise<void> {
    await this.beforeAppend(step, records);
    this.#kept(step).records.push(...records);
  }

  override end(step: LogStep): Promise<void> {
    this.#kept(step).ended = true;
    return Promise.resolve();
  }

  /** Keys of the steps that were ever named, in their order. */
  steps(): string[] {
    return [...this.#steps.values()]
      .sort((a, b) => a.step.ordinal - b.step.ordinal)
      .map((kept) => logStepKey(kept.step));
  }

  records(key: string): readonly LogRecord[] {
    return this.#steps.get(key)?.records ?? [];
  }

  /** The bytes of a step's log, without times and gaps. */
  bytes(key: string): Buffer {
    const parts = this.records(key).flatMap((record) =>
      record.kind === 'line' ? [record.text, Buffer.from(record.newline ? '\n' : '')] : [],
    );
    return Buffer.concat(parts);
  }

  text(key: string): string {
    return this.bytes(key).toString('utf8');
  }

  isEnded(key: string): boolean {
    return this.#steps.get(key)?.ended === true;
  }

  #kept(step: LogStep): Kept {
    const key = logStepKey(step);
    const kept = this.#steps.get(key) ?? { step, records: [], ended: false };
    this.#steps.set(key, kept);
    return kept;
  }
}
