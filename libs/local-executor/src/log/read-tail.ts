import { open } from 'node:fs/promises';
import { isErrno } from '../workspace/write-atomically.js';

const TAIL_BYTES = 4 * 1024;
const TAIL_LINES = 20;

/** The last lines of a log, as text that can be shown: at most 4 KiB, control characters removed. */
export async function readTail(path: string): Promise<string> {
  let file;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return '';
    throw error;
  }
  try {
    const { size } = await file.stat();
    const length = Math.min(size, TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
    const whole = size > length && lines.length > 1 ? lines.slice(1) : lines;
    const text = whole
      .filter((line) => line.trim() !== '')
      .slice(-TAIL_LINES)
      .join('\n');
    return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '');
  } finally {
    await file.close();
  }
}
