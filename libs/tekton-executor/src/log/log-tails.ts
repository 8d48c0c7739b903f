import type { LogLine } from './log-line-parser.js';

const LINES = 20;
const LINE_BYTES = 4_096;

/** The last lines of a log that is followed here. */
export interface FollowedTail {
  readonly lines: readonly string[];
  /** `reading`: more may come; `whole`: they are the log's last; `cut`: the log was not read to its end here. */
  readonly state: 'reading' | 'whole' | 'cut';
}

/** The last lines of the logs that are followed here, so that a failure can show them when its pod is gone. */
export class LogTails {
  readonly #tails = new Map<string, Map<string, FollowedTail>>();

  /** What was read before stays: a log that was stored to its end is not read again. */
  start(executionId: string, container: string): void {
    const known = this.find(executionId, container);
    if (known?.state !== 'whole') this.#put(executionId, container, { lines: known?.lines ?? [], state: 'reading' });
  }

  /** What the node says of a log instead of it is no line of it. */
  add(executionId: string, container: string, lines: readonly LogLine[]): void {
    const known = this.find(executionId, container);
    const written = lines.filter(({ time }) => time !== undefined);
    const shown = written.slice(-LINES).map(({ text }) => Buffer.from(text.subarray(0, LINE_BYTES)).toString('utf8'));
    this.#put(executionId, container, {
      lines: [...(known?.lines ?? []), ...shown].slice(-LINES),
      state: known?.state ?? 'reading',
    });
  }

  /** Nothing when it was forgotten meanwhile. */
  end(executionId: string, container: string, state: 'whole' | 'cut'): void {
    const known = this.find(executionId, container);
    if (known?.state === 'reading') this.#put(executionId, container, { ...known, state });
  }

  find(executionId: string, container: string): FollowedTail | undefined {
    return this.#tails.get(executionId)?.get(container);
  }

  forget(executionId: string): void {
    this.#tails.delete(executionId);
  }

  #put(executionId: string, container: string, tail: FollowedTail): void {
    const tails = this.#tails.get(executionId) ?? new Map<string, FollowedTail>();
    this.#tails.set(executionId, tails.set(container, tail));
  }
}

/** Key of a container's tail: a pod's name and a container's. */
export function tailKey(pod: string, container: string): string {
  return `${pod}/${container}`;
}
