/** One line of a container's log as the kubelet sends it with `timestamps=true`. */
export interface LogLine {
  /** RFC 3339 with nanoseconds; undefined for what the kubelet itself wrote into the stream. */
  readonly time: string | undefined;
  readonly text: Uint8Array;
  readonly newline: boolean;
}

/** A longer line is given in pieces, all but the last with `newline` false: their bytes put together are the line. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
const LINE_FEED = 0x0a;
const SPACE = 0x20;
/** `2026-11-21T09:16:18.108643794+02:00` */
const MAX_TIME_BYTES = 40;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/** Cuts a byte stream into lines without decoding them: NUL bytes and invalid UTF-8 pass unchanged. */
export class LogLineParser {
  #parts: Uint8Array[] = [];
  #bytes = 0;
  /** Time of the line whose first pieces were given already. */
  #continued: string | undefined;

  constructor(private readonly maxLineBytes: number = MAX_LINE_BYTES) {}

  push(chunk: Uint8Array): LogLine[] {
    const lines: LogLine[] = [];
    let start = 0;
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, start)) {
      lines.push(this.#take(chunk.subarray(start, at), true));
      start = at + 1;
    }
    if (start < chunk.length) {
      this.#parts.push(chunk.subarray(start));
      this.#bytes += chunk.length - start;
      if (this.#bytes >= this.maxLineBytes) lines.push(this.#take(new Uint8Array(0), false));
    }
    return lines;
  }

  /** The rest that had no line feed, at the end of a whole log. */
  end(): LogLine[] {
    return this.#bytes === 0 ? [] : [this.#take(new Uint8Array(0), false)];
  }

  #take(last: Uint8Array, newline: boolean): LogLine {
    const bytes = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last]);
    this.#parts = [];
    this.#bytes = 0;
    const line =
      this.#continued === undefined ? splitTime(bytes, newline) : { time: this.#continued, text: bytes, newline };
    this.#continued = newline ? undefined : line.time;
    return line;
  }
}

function splitTime(bytes: Uint8Array, newline: boolean): LogLine {
  const space = bytes.subarray(0, MAX_TIME_BYTES).indexOf(SPACE);
  // An empty line may come as the time alone.
  const end = space >= 0 ? space : bytes.length <= MAX_TIME_BYTES ? bytes.length : -1;
  const time = end < 0 ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('latin1');
  if (!TIME.test(time)) return { time: undefined, text: bytes, newline };
  return { time, text: bytes.subarray(Math.min(end + 1, bytes.length)), newline };
}

/** Nanoseconds since 1970 of a log time, for comparing times of different precision or zone. */
export function timeKey(time: string): bigint {
  const fraction = /\.(\d{1,9})/.exec(time)?.[1] ?? '';
  const seconds = Date.parse(time.replace(/\.\d+/, '')) / 1000;
  return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
}
