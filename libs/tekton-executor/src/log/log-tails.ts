import type { LogTail } from '../status/log-tail.js';
import type { LogLine } from './log-line-parser.js';

const LINES = 20;
const LINE_BYTES = 500;

/** The last lines of the logs that are followed here, so that a failure can show them when its pod is gone. */
export class LogTails {
  readonly #tails = new Map<string, Map<string, string[]>>();

  /** What the node says of a log instead of it is no line of it. */
  add(executionId: string, container: string, lines: readonly LogLine[]): void {
    const tails = this.#tails.get(executionId) ?? new Map<string, string[]>();
    this.#tails.set(executionId, tails);
    const written = lines.filter(({ time }) => time !== undefined);
    const shown = written.slice(-LINES).map(({ text }) => Buffer.from(text.subarray(0, LINE_BYTES)).toString('utf8'));
    tails.set(container, [...(tails.get(container) ?? []), ...shown].slice(-LINES));
  }

  find(executionId: string, container: string): LogTail | undefined {
    const lines = this.#tails.get(executionId)?.get(container);
    return lines === undefined ? undefined : { lines };
  }

  forget(executionId: string): void {
    this.#tails.delete(executionId);
  }
}

/** Key of a container's tail: a pod's name and a container's. */
export function tailKey(pod: string, container: string): string {
  return `${pod}/${container}`;
}
