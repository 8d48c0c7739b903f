import {
  EXECUTION_END_STEP,
  EXECUTION_START_STEP,
  isDomainError,
  type Clock,
  type ExecutionFollower,
  type LogSink,
  type LogStep,
} from '@image-factory/domain';
import type { OwnedExecution } from '@image-factory/persistence';
import type { Logger } from '@image-factory/telemetry';
import { backOffMs } from '../loop/back-off.js';
import { createdLine, endLine, placeLine, toRecord, type LineSubject } from './execution-lines.js';

export interface ExecutionJournalParts {
  readonly sink: LogSink;
  /** Steps of the attempt whose log is stored and not ended. */
  readonly openSteps: () => Promise<readonly LogStep[]>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The log has been read to its end (or cannot be): look at the execution. */
  readonly onFollowed: () => void;
}

const RETRY = { baseMs: 500, capMs: 15_000 };

/**
 * The log of one attempt: its head lines, its steps as the executor reads them, its end line.
 *
 * Following: idle → following (one `followLogs` at a time, begun again with back-off when it breaks) → followed (every
 * step was read to its end) or stopped (`stop`, at a hand-over, or past the seal deadline).
 */
export class ExecutionJournal {
  readonly #written = new Set<string>();
  #following: Promise<void> | undefined;
  #stop: AbortController | undefined;
  #followed = false;

  constructor(private readonly parts: ExecutionJournalParts) {}

  /** `Using Kubernetes namespace: …`; idempotent over processes, because the stored lines are counted. */
  async writePlace(row: OwnedExecution): Promise<void> {
    await this.#writeLines(EXECUTION_START_STEP, [placeLine(subjectOf(row))], false);
  }

  /** `Created PipelineRun: …` after it. */
  async writeStart(row: OwnedExecution): Promise<void> {
    const subject = subjectOf(row);
    await this.#writeLines(EXECUTION_START_STEP, [placeLine(subject), createdLine(subject)], true);
  }

  /** Verdict, reason and duration; after it nothing of the log changes. */
  async writeEnd(row: OwnedExecution): Promise<void> {
    const began = row.createdAt ?? row.placedAt;
    const ended = row.endedAt ?? row.outcomeAt ?? began;
    const { outcome = 'failed', reason = 'UnknownFailure', message = '' } = row;
    const seconds = Math.max(0, (ended.getTime() - began.getTime()) / 1000);
    await this.#writeLines(EXECUTION_END_STEP, [endLine(subjectOf(row), { outcome, reason, message, seconds })], true);
  }

  /** Starts following the steps' logs, unless it is done or under way. */
  follow(row: OwnedExecution, follower: ExecutionFollower): void {
    if (this.#followed || this.#following !== undefined) return;
    const stop = new AbortController();
    this.#stop = stop;
    this.#following = this.#follow(row, follower, stop.signal).finally(() => {
      this.#following = undefined;
      if (!stop.signal.aborted) this.parts.onFollowed();
    });
  }

  /** True when every step was read to its end by this process. */
  isFollowed(row: OwnedExecution): boolean {
    return this.#followed || row.logSealedAt !== undefined;
  }

  /** Ends following and marks what is missing of each open step. @returns the gap's reason for the row */
  async markGap(row: OwnedExecution): Promise<string> {
    await this.stop();
    const message = `the log could not be read to its end within the seal limit after the run had ended (${row.reason ?? ''})`;
    const time = this.parts.clock.now().toISOString();
    for (const step of await this.parts.openSteps()) {
      if (step.task === EXECUTION_START_STEP.task) continue;
      await this.parts.sink.cursor(step);
      await this.parts.sink.append(step, [{ kind: 'gap', time, reason: 'LogGap', message }]);
      await this.parts.sink.end(step);
    }
    return message;
  }

  /** Stops following and waits for what was in progress. */
  async stop(): Promise<void> {
    this.#stop?.abort(new Error('following stops'));
    await this.#following;
  }

  async #follow(row: OwnedExecution, follower: ExecutionFollower, signal: AbortSignal): Promise<void> {
    for (let tries = 0; !signal.aborted; tries += 1) {
      try {
        await follower.followLogs(row, this.parts.sink, signal);
        this.#followed = !signal.aborted;
        return;
      } catch (error) {
        if (signal.aborted || (isDomainError(error) && error.reason === 'LeaseLost' && tries > 0)) return;
        this.parts.logger.warn('following a log broke off; it is begun again', { execution: row.executionId, error });
        await this.parts.clock.sleep(backOffMs(tries, RETRY), signal).catch(() => undefined);
      }
    }
  }

  async #writeLines(step: LogStep, lines: readonly string[], end: boolean): Promise<void> {
    const key = `${step.step}:${lines.length}`;
    if (this.#written.has(key)) return;
    const cursor = await this.parts.sink.cursor(step);
    if (!cursor.ended) {
      const missing = lines.slice(cursor.lineOffset).map((line) => toRecord(line, this.parts.clock.now()));
      if (missing.length > 0) await this.parts.sink.append(step, missing);
      if (end) await this.parts.sink.end(step);
    }
    this.#written.add(key);
  }
}

function subjectOf(row: OwnedExecution): LineSubject {
  return { infrastructureType: row.infrastructureType, name: row.name, namespace: row.place.namespace };
}
