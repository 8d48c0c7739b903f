import type { ServerResponse } from 'node:http';
import { breakOff } from './fake-answer.js';

interface LogLine {
  readonly time: string;
  readonly bytes: Buffer;
}

interface ContainerLog {
  readonly lines: LogLine[];
  /** Lines that rotation has removed: the index of the first that is left. */
  rotated: number;
  ended: boolean;
  readonly listeners: Set<(repeat?: boolean) => void>;
}

/**
 * Logs of containers as kubelet serves them: with times on request, from a time on (inclusive), followed until the
 * container ends. Lines may hold any bytes; a last line without a line feed is kept so.
 */
export class FakePodLogs {
  readonly #logs = new Map<string, ContainerLog>();
  #clockMs = Date.parse('2026-11-21T09:00:00Z');

  /** Appends one line (a line feed is added unless `newline` is false). Times go up by a millisecond unless given. */
  append(
    namespace: string,
    pod: string,
    container: string,
    text: string | Uint8Array,
    options: { time?: string; newline?: boolean } = {},
  ): void {
    const log = this.#log(namespace, pod, container);
    const time = options.time ?? new Date((this.#clockMs += 1)).toISOString().replace('Z', '000001Z');
    const bytes = Buffer.concat([Buffer.from(text), Buffer.from(options.newline === false ? '' : '\n')]);
    log.lines.push({ time, bytes });
    for (const listener of [...log.listeners]) listener();
  }

  /** The container has ended: followers are ended. */
  end(namespace: string, pod: string, container: string): void {
    const log = this.#log(namespace, pod, container);
    log.ended = true;
    for (const listener of [...log.listeners]) listener();
  }

  /**
   * The log file is rotated: only the last `kept` lines are left to who asks anew, and whoever follows gets the last
   * line that he has once more, as when kubelet opens the new file at its beginning.
   */
  rotate(namespace: string, pod: string, container: string, kept: number): void {
    const log = this.#log(namespace, pod, container);
    log.rotated += log.lines.splice(0, Math.max(0, log.lines.length - kept)).length;
    for (const listener of [...log.listeners]) listener(true);
  }

  /** Ends everything of a pod that was deleted. */
  endPod(namespace: string, pod: string): void {
    for (const [key, log] of this.#logs) {
      if (!key.startsWith(`${namespace}/${pod}/`)) continue;
      log.ended = true;
      for (const listener of [...log.listeners]) listener();
    }
  }

  /** Serves one log request. `dropAfterBytes` breaks it off once so many bytes are out. */
  serve(
    namespace: string,
    pod: string,
    container: string,
    query: URLSearchParams,
    response: ServerResponse,
    dropAfterBytes?: number,
  ): void {
    const log = this.#log(namespace, pod, container);
    const withTimes = query.get('timestamps') === 'true';
    const since = query.get('sinceTime') ?? '';
    const limit = Number(query.get('limitBytes') ?? Number.POSITIVE_INFINITY);
    const tail = query.get('tailLines');
    let next = log.rotated + (tail === null ? 0 : Math.max(0, log.lines.length - Number(tail)));
    let sent = 0;
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.flushHeaders();
    const pump = (repeat = false): void => {
      next = Math.max(log.rotated, repeat ? next - 1 : next);
      for (; next < log.rotated + log.lines.length && sent < limit; next += 1) {
        const line = log.lines[next - log.rotated];
        if (line === undefined || compareTimes(line.time, since) < 0) continue;
        const bytes = withTimes ? Buffer.concat([Buffer.from(`${line.time} `), line.bytes]) : line.bytes;
        const most = Math.min(limit, dropAfterBytes ?? Number.POSITIVE_INFINITY) - sent;
        response.write(bytes.subarray(0, most));
        sent += Math.min(bytes.length, most);
        if (dropAfterBytes !== undefined && sent >= dropAfterBytes) {
          finish();
          response.write('', () => breakOff(response));
          return;
        }
      }
      if (log.ended || query.get('follow') !== 'true' || sent >= limit) {
        finish();
        response.end();
      }
    };
    const finish = (): void => {
      log.listeners.delete(pump);
    };
    log.listeners.add(pump);
    response.on('close', finish);
    pump();
  }

  #log(namespace: string, pod: string, container: string): ContainerLog {
    const key = `${namespace}/${pod}/${container}`;
    let log = this.#logs.get(key);
    if (log === undefined) this.#logs.set(key, (log = { lines: [], rotated: 0, ended: false, listeners: new Set() }));
    return log;
  }
}

/** RFC 3339 times with any number of fraction digits, in UTC; an empty text is before everything. */
function compareTimes(a: string, b: string): number {
  if (b === '') return 1;
  const normal = (time: string): string => {
    const [whole, fraction = ''] = time.replace('Z', '').split('.');
    return `${whole}.${fraction.padEnd(9, '0')}`;
  };
  return normal(a) < normal(b) ? -1 : normal(a) > normal(b) ? 1 : 0;
}
