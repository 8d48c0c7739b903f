/**
 * One record of a step's log. Times are RFC 3339 with up to nanoseconds, as the container runtime wrote them.
 *
 * `line`: the bytes of one line without its line feed; `newline` false only for a last line that had none.
 * `gap`: bytes are missing here; what and why is said, nothing is lost silently.
 */
export type LogRecord =
  | { readonly kind: 'line'; readonly time: string; readonly text: Uint8Array; readonly newline: boolean }
  | { readonly kind: 'gap'; readonly time: string; readonly reason: string; readonly message: string };

/** Where a step's stored log ends: from here a follower resumes after a restart or an adoption. */
export interface LogCursor {
  /** Raw bytes stored so far: text and line feeds, without times. */
  readonly byteOffset: number;
  readonly lineOffset: number;
  /** Time of the last stored line; undefined when nothing is stored. */
  readonly lastTime: string | undefined;
  /** How many last stored lines carry exactly `lastTime`, so that an overlapping re-read can skip them. */
  readonly lastTimeCount: number;
  /** No more bytes will come. */
  readonly ended: boolean;
}

/** Names a step of an attempt's log, `<task>/<step>` as in `build/build`. */
export interface LogStep {
  readonly task: string;
  readonly step: string;
  /** Position in the whole log, smaller first. */
  readonly ordinal: number;
}

export function logStepKey(step: Pick<LogStep, 'task' | 'step'>): string {
  return `${step.task}/${step.step}`;
}

/** The product's own lines: before the first step and after the last. */
export const EXECUTION_START_STEP: LogStep = { task: 'image-factory', step: 'start', ordinal: 0 };
export const EXECUTION_END_STEP: LogStep = { task: 'image-factory', step: 'end', ordinal: 1_000_000 };

/**
 * Where an executor's log follower puts what it reads. `append` resolves when the records are accepted, which is the
 * back-pressure; it throws LeaseLost when the shard has another owner, and the follower then stops.
 */
export abstract class LogSink {
  abstract cursor(step: LogStep): Promise<LogCursor>;
  abstract append(step: LogStep, records: readonly LogRecord[]): Promise<void>;
  /** The step's log is whole (or its gap is marked). Idempotent. */
  abstract end(step: LogStep): Promise<void>;
}
