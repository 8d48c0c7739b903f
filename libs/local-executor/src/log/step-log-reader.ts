import { open, stat, type FileHandle } from 'node:fs/promises';
import type { LogCursor, LogRecord } from '@image-factory/domain';
import { isErrno } from '../workspace/write-atomically.js';
import { readLogTimes, type LogTime } from './log-times.js';

const READ_BYTES = 256 * 1024;
const MAX_RECORDS = 2_000;
const LINE_FEED = 0x0a;

/** Bytes of the longest line that is kept in one piece; a longer one comes in pieces without line feeds. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** What one read brought: records in order, and whether there is more at once. */
export interface LogBatch {
  readonly records: readonly LogRecord[];
  readonly more: boolean;
}

/**
 * Reads one step's log from where its stored part ends. Only bytes whose time is noted are read while the step runs; once
 * it is `final`, all of them. A line is handed out when its line feed is there, or at the end.
 */
export class StepLogReader {
  readonly #logPath: string;
  readonly #timesPath: string;
  #file: FileHandle | undefined;
  /** Offset of the first byte that is not handed out, and of the first that is not read. */
  #given: number;
  #read: number;
  #pending: Buffer[] = [];
  #times: LogTime[] = [];
  #timesPosition = 0;
  #lastTime: string;

  constructor(logPath: string, timesPath: string, cursor: LogCursor) {
    this.#logPath = logPath;
    this.#timesPath = timesPath;
    this.#given = cursor.byteOffset;
    this.#read = cursor.byteOffset;
    this.#lastTime = cursor.lastTime ?? '';
  }

  /** Reads on. `final`: nothing will be written any more, so what is there is everything. */
  async read(final: boolean): Promise<LogBatch> {
    this.#file ??= await openIfThere(this.#logPath);
    if (this.#file === undefined) return { records: [], more: false };
    const added = await readLogTimes(this.#timesPath, this.#timesPosition);
    this.#timesPosition = added.position;
    this.#times = [...this.#times.filter((entry) => entry.offset > this.#given), ...added.entries];
    const { size, mtime } = await this.#file.stat();
    if (final && size < this.#given) return { records: [this.#gap(size, mtime)], more: false };
    const end = final ? size : (this.#times.at(-1)?.offset ?? 0);
    const records: LogRecord[] = [];
    while (this.#read < end && records.length < MAX_RECORDS) {
      const chunk = await this.#readChunk(Math.min(READ_BYTES, end - this.#read));
      if (chunk.length === 0) break;
      this.#read += chunk.length;
      this.#split(chunk, records, mtime);
      if (records.length > 0) break;
    }
    const more = this.#read < end;
    if (final && !more && this.#pending.length > 0) this.#give(records, false, mtime);
    return { records, more };
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #readChunk(length: number): Promise<Buffer> {
    const { buffer, bytesRead } = (await this.#file?.read(Buffer.allocUnsafe(length), 0, length, this.#read)) ?? {
      buffer: Buffer.alloc(0),
      bytesRead: 0,
    };
    return buffer.subarray(0, bytesRead);
  }

  #split(chunk: Buffer, records: LogRecord[], fallback: Date): void {
    let start = 0;
    for (let feed = chunk.indexOf(LINE_FEED); feed !== -1; feed = chunk.indexOf(LINE_FEED, start)) {
      this.#pending.push(chunk.subarray(start, feed));
      this.#give(records, true, fallback);
      start = feed + 1;
    }
    if (start < chunk.length) this.#pending.push(chunk.subarray(start));
    if (this.#read - this.#given >= MAX_LINE_BYTES) this.#give(records, false, fallback);
  }

  #give(records: LogRecord[], newline: boolean, fallback: Date): void {
    const text = this.#pending.length === 1 ? (this.#pending[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#pending);
    this.#pending = [];
    records.push({ kind: 'line', time: this.#timeAt(this.#given, fallback), text, newline });
    this.#given += text.length + (newline ? 1 : 0);
  }

  /** Time of the first note beyond the byte; bytes of a supervisor that died before noting them have the file's own. */
  #timeAt(offset: number, fallback: Date): string {
    while ((this.#times[0]?.offset ?? Infinity) <= offset) this.#times.shift();
    const noted = this.#times[0]?.time ?? fallback.toISOString();
    if (noted > this.#lastTime) this.#lastTime = noted;
    return this.#lastTime;
  }

  #gap(size: number, time: Date): LogRecord {
    const message = `The log file has ${size} bytes, ${this.#given} were stored: it was cut on the host.`;
    return { kind: 'gap', time: time.toISOString(), reason: 'LogGap', message };
  }
}

/** True when the log file exists. */
export async function hasLog(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
