import type { LogCursor, LogRecord } from '@image-factory/domain';
import type { LogLine } from './log-line-parser.js';
import type { LogPosition } from './stored-line-filter.js';

/** Follows where a step's stored log ends while lines are appended, so that a broken stream resumes there. */
export class PositionTracker {
  #lastTime: string | undefined;
  #count: number;

  constructor(cursor: LogCursor) {
    this.#lastTime = cursor.lastTime;
    this.#count = cursor.lastTimeCount;
  }

  get position(): LogPosition {
    return { lastTime: this.#lastTime, lastTimeCount: this.#count };
  }

  /** Lines as records; what the kubelet wrote itself becomes a gap, because it stands where lines are missing. */
  records(lines: readonly LogLine[], now: Date): LogRecord[] {
    return lines.map((line) => {
      if (line.time === undefined) {
        const message = Buffer.from(line.text.subarray(0, 300)).toString('utf8');
        return gapRecord(
          this.#lastTime ?? now.toISOString(),
          'LogGap',
          `The node could not give the log here: ${message}`,
        );
      }
      this.#count = line.time === this.#lastTime ? this.#count + 1 : 1;
      this.#lastTime = line.time;
      return { kind: 'line', time: line.time, text: line.text, newline: line.newline };
    });
  }
}

export function gapRecord(time: string, reason: string, message: string): LogRecord {
  return { kind: 'gap', time, reason, message };
}
