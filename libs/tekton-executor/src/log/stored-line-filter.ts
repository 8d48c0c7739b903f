import type { LogLine } from './log-line-parser.js';
import { timeKey } from './log-line-parser.js';

/** Where the stored log of a step ends: the last stored line's time, and how many last lines carry it. */
export interface LogPosition {
  readonly lastTime: string | undefined;
  readonly lastTimeCount: number;
}

export interface Filtered {
  readonly lines: readonly LogLine[];
  /** The stored end was not found again: what came after it may be missing before these lines. */
  readonly gap: boolean;
}

/** Two streams of one container are written with times that may be out of order by less than this. */
const SKEW_NS = 2_000_000_000n;
const MAX_HELD = 2000;

/**
 * Drops what is stored already from a log that is read again. `sinceTime` is cut to seconds by the API server, so a
 * re-read repeats up to a second of lines.
 *
 * Modes: `seeking` (the last stored line has not come yet: earlier lines are dropped, later ones are held, because
 * stdout and stderr may be out of order); `passing` (all is new, but a line that is the one before it again, to the
 * nanosecond: kubelet repeats the boundary when the file is rotated under a reader). Seeking ends when the stored end was found, or is given
 * up with a gap when lines come that are too late for it to come still, or at `settle`.
 */
export class StoredLineFilter {
  #seeking: bigint | undefined;
  readonly #count: number;
  #matched = 0;
  #held: LogLine[] = [];
  #last: LogLine | undefined;

  constructor(position: LogPosition) {
    this.#seeking = position.lastTime === undefined ? undefined : timeKey(position.lastTime);
    this.#count = position.lastTimeCount;
  }

  /** The stored end has not come yet: what is there is not the log that was read before, or not all of it. */
  get seeks(): boolean {
    return this.#seeking !== undefined;
  }

  /** Lines are held back until the stored end is found or given up. */
  get holds(): boolean {
    return this.#held.length > 0;
  }

  push(lines: readonly LogLine[]): Filtered {
    if (this.#seeking === undefined) return { lines: this.#fresh(lines), gap: false };
    for (const [index, line] of lines.entries()) {
      if (this.#seek(line, this.#seeking)) continue;
      const rest = lines.slice(index + 1);
      const gap = this.#held.length > 0;
      const passed = [...this.#held, ...rest];
      this.#pass();
      return { lines: this.#fresh(passed), gap };
    }
    return { lines: [], gap: false };
  }

  /** No more lines come (or none for long): what is held is new, behind a gap. */
  settle(): Filtered {
    const lines = this.#held;
    if (lines.length === 0) return { lines: [], gap: false };
    this.#pass();
    return { lines, gap: true };
  }

  /** False when seeking ends with this line. */
  #seek(line: LogLine, last: bigint): boolean {
    const time = line.time === undefined ? undefined : timeKey(line.time);
    if (time === undefined || time < last) return true;
    if (time === last) {
      this.#matched += 1;
      if (this.#matched < this.#count) return true;
      this.#held = [];
      return false;
    }
    this.#held.push(line);
    return time <= last + SKEW_NS && this.#held.length < MAX_HELD;
  }

  #fresh(lines: readonly LogLine[]): LogLine[] {
    return lines.filter((line) => {
      const repeated = this.#last !== undefined && isSame(line, this.#last);
      this.#last = line;
      return !repeated;
    });
  }

  #pass(): void {
    this.#seeking = undefined;
    this.#held = [];
  }
}

/** One write gives each of its lines a time of its own, so an equal text of an equal time is one line told twice. */
function isSame(line: LogLine, other: LogLine): boolean {
  return line.time !== undefined && line.time === other.time && Buffer.compare(line.text, other.text) === 0;
}
