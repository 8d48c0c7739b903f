import {
  EXECUTION_END_STEP,
  EXECUTION_START_STEP,
  type Attempt,
  type Clock,
  type ExecutionFollower,
  type LogSink,
  logStepKey,
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
/** More lines than a step of ours can have. */
const ENDED = Number.POSITIVE_INFINITY;
/** Longest that a write of ours may hold up the execution's own reconcile. */
const WRITE_LIMIT_MS = 3_000;

/**
 * The log of one attempt: its head lines, its steps as the executor reads them, its end line. Everything but the end is
 * written beside the execution's reconcile, so that a log store that takes nothing (a full disk, a database that is
 * away) delays no create, no stop and no outcome.
 *
 * Following: idle → following (head lines, then one `followLogs` at a time, begun again with back-off when it breaks) →
 * followed (every step was read to its end) or stopped (`stop`: at a hand-over, or past the seal deadline).
 */
export class ExecutionJournal {
  /** Lines of our own steps that were given to the sink; all of them once the step has ended. */
  readonly #lines = new Map<string, number>();
  readonly #stop = new AbortController();
  #head: Promise<void> | undefined;
  #following: Promise<void> | undefined;
  #followed = false;

  constructor(private readonly parts: ExecutionJournalParts) {}

  /** `Using Kubernetes namespace: …`, beside the create. */
  writePlace(row: OwnedExecution): void {
    const line = placeLine(subjectOf(row));
    this.#head ??= this.#retrying(row, () => this.#writeLines(EXECUTION_START_STEP, [line], false));
  }

  /** Starts following: `Created PipelineRun: …`, then the steps' logs. Nothing when it is done or under way. */
  follow(row: OwnedExecution, follower: ExecutionFollower): void {
    if (this.#followed || this.#following !== undefined || this.#stop.signal.aborted) return;
    // Not the row: it is large, and what follows a log lasts as long as the attempt.
    this.#following = this.#follow(attemptOf(row), subjectOf(row), follower).finally(() => {
      this.#following = undefined;
      if (!this.#stop.signal.aborted) this.parts.onFollowed();
    });
  }

  /** True when every step was read to its end by this process. */
  get isFollowed(): boolean {
    return this.#followed;
  }

  /** Verdict, reason and duration; after it nothing of the log changes. @returns false when it could not be stored now */
  async writeEnd(row: OwnedExecution): Promise<boolean> {
    const began = row.createdAt ?? row.placedAt;
    const ended = row.endedAt ?? row.outcomeAt ?? began;
    const { outcome = 'failed', reason = 'UnknownFailure', message = '' } = row;
    const seconds = Math.max(0, (ended.getTime() - began.getTime()) / 1000);
    const line = endLine(subjectOf(row), { outcome, reason, message, seconds });
    return this.#soon(this.#writeLines(EXECUTION_END_STEP, [line], true));
  }

  /** Ends following and marks what is missing of each open step, as far as it can be stored. @returns the gap's reason */
  async markGap(row: OwnedExecution): Promise<string> {
    await this.stop();
    const message = `the log could not be read to its end within the seal limit after the run had ended (${row.reason ?? ''})`;
    await this.#soon(this.#markOpenSteps(message));
    return message;
  }

  /** Stops following, and waits a moment for what was in progress. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('following stops'));
    await this.#soon(Promise.allSettled([this.#head, this.#following]));
  }

  async #markOpenSteps(message: string): Promise<void> {
    const time = this.parts.clock.now().toISOString();
    for (const step of await this.parts.openSteps()) {
      if (step.task === EXECUTION_START_STEP.task) continue;
      await this.parts.sink.cursor(step);
      await this.parts.sink.append(step, [{ kind: 'gap', time, reason: 'LogGap', message }]);
      await this.parts.sink.end(step);
    }
  }

  async #follow(attempt: Attempt, subject: LineSubject, follower: ExecutionFollower): Promise<void> {
    const lines = [placeLine(subject), createdLine(subject)];
    const head = (async () => {
      await this.#head;
      await this.#retrying(attempt, () => this.#writeLines(EXECUTION_START_STEP, lines, true));
    })();
    let whole = false;
    await this.#retrying(attempt, async (signal) => {
      await follower.followLogs(attempt, this.parts.sink, signal);
      whole = !signal.aborted;
    });
    await head;
    this.#followed = whole;
  }

  async #retrying(
    { executionId }: Pick<Attempt, 'executionId'>,
    work: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const { signal } = this.#stop;
    for (let tries = 0; !signal.aborted; tries += 1) {
      try {
        return await work(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.parts.logger.warn('following a log broke off; it is begun again', { execution: executionId, error });
        await this.parts.clock.sleep(backOffMs(tries, RETRY), signal).catch(() => undefined);
      }
    }
  }

  /** Idempotent over processes, because the stored lines are counted: once, and anew after a failure. */
  async #writeLines(step: LogStep, lines: readonly string[], end: boolean): Promise<void> {
    const key = logStepKey(step);
    const given = this.#lines.get(key) ?? (await this.#storedLines(step));
    this.#lines.delete(key);
    const missing = lines.slice(given).map((line) => toRecord(line, this.parts.clock.now()));
    if (missing.length > 0) await this.parts.sink.append(step, missing);
    if (end && given !== ENDED) await this.parts.sink.end(step);
    this.#lines.set(key, end ? ENDED : Math.max(given, lines.length));
  }

  async #storedLines(step: LogStep): Promise<number> {
    const { ended, lineOffset } = await this.parts.sink.cursor(step);
    return ended ? ENDED : lineOffset;
  }

  /** @returns false when the work has failed, or is not done yet and goes on by itself */
  async #soon(work: Promise<unknown>): Promise<boolean> {
    const limit = new AbortController();
    const late = this.parts.clock.sleep(WRITE_LIMIT_MS, limit.signal).then(
      () => false,
      () => false,
    );
    const done = work.then(
      () => true,
      () => false,
    );
    const answer = await Promise.race([done, late]);
    limit.abort();
    return answer;
  }
}

function subjectOf(row: OwnedExecution): LineSubject {
  return { infrastructureType: row.infrastructureType, name: row.name, namespace: row.place.namespace };
}

function attemptOf(row: OwnedExecution): Attempt {
  const { executionId, buildId, tenantId, providerId, installationId, attempt, shard } = row;
  const { buildMethod, place, name, document, documentHash, uid, stopIntent } = row;
  const whose = { executionId, buildId, tenantId, providerId, installationId, attempt, shard };
  return { ...whose, buildMethod, place, name, document, documentHash, uid, stopIntent };
}
