import { open, type FileHandle } from 'node:fs/promises';
import { isErrno } from '../workspace/write-atomically.js';

/*
 * A step's log file holds exactly the bytes that its children wrote, in the order in which they wrote them: they hold the
 * file itself as stdout and stderr. When each byte came is kept beside it: a line `offset time` says that all bytes
 * below that offset were there at that time. So a line's time is that of the first entry beyond its first byte, the
 * same for every reader, and reading resumes by a seek.
 */

/** One entry: bytes below `offset` were written by `time`. */
export interface LogTime {
  readonly offset: number;
  readonly time: string;
}

/** The supervisor's end: remembers how far the log has grown. */
export class LogTimesWriter {
  readonly #file: FileHandle;
  #offset = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<LogTimesWriter> {
    return new LogTimesWriter(await open(path, 'a', 0o600));
  }

  /** Notes that the log has this size at this time. On a full disk the entry is left out: later ones cover its bytes. */
  async note(size: number, at: Date): Promise<void> {
    if (size <= this.#offset) return;
    try {
      await this.#file.write(`${size} ${at.toISOString()}\n`);
      this.#offset = size;
    } catch (error) {
      if (!isErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Reads whole entries from `position` of the file; returns the position after them. */
export async function readLogTimes(path: string, position: number): Promise<{ entries: LogTime[]; position: number }> {
  const bytes = await readFrom(path, position);
  const end = bytes.lastIndexOf(0x0a) + 1;
  const entries = bytes
    .toString('latin1', 0, end)
    .split('\n')
    .flatMap((line) => {
      const space = line.indexOf(' ');
      return space === -1 ? [] : [{ offset: Number(line.slice(0, space)), time: line.slice(space + 1) }];
    });
  return { entries, position: position + end };
}

async function readFrom(path: string, position: number): Promise<Buffer> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return Buffer.alloc(0);
    throw error;
  }
  try {
    const length = Math.max(0, (await file.stat()).size - position);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
