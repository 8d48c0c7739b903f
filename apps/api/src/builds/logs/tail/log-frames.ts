import { Inject, Injectable } from '@nestjs/common';
import { isTerminalBuildStatus, isTerminalExecutionState, logStepKey } from '@image-factory/domain';
import {
  type ExecutionView,
  PostgresBuildHistory,
  PostgresBuildLogs,
  PostgresBuilds,
  type StoredLogRecord,
  type StoredStep,
} from '@image-factory/persistence';
import { eventText } from '../../../stream/event-stream.js';
import { toLogLineResponse } from '../log-line.js';
import { formatPosition, type LogPosition } from '../log-position.js';

/** Whose log. */
export interface LogSubject {
  readonly tenantId: string;
  readonly buildId: string;
}

/** One record of a log as its stream tells it, made once however many follow. */
export interface LogFrame {
  /** Of the position behind the record: the cursor with which a client goes on. */
  readonly id: string;
  readonly position: LogPosition;
  /** The server-sent event. */
  readonly text: string;
}

/** How the build ended: nothing more will come. */
export interface LogEnd {
  readonly status: string;
  readonly reason: string | null;
}

/**
 * A build's log in its total order: attempts by number, steps by ordinal, bytes. So a position says everything that was
 * told, and what follows a position is the same for everybody who reads it. A step is read to its end before the next
 * begins; an attempt whose log is sealed, or that is over, has no more bytes.
 */
@Injectable()
export class LogFrames {
  constructor(
    @Inject(PostgresBuilds) private readonly builds: PostgresBuilds,
    @Inject(PostgresBuildHistory) private readonly history: PostgresBuildHistory,
    @Inject(PostgresBuildLogs) private readonly logs: PostgresBuildLogs,
  ) {}

  /**
   * What is stored now behind a position. `watch` gets each attempt before its bytes are read, so that whoever is told
   * of its changes from then on misses none. Returns the build's end when nothing more will come.
   * @throws DomainError NotFound
   */
  async *read(
    { tenantId, buildId }: LogSubject,
    from: LogPosition | undefined,
    watch: (executionId: string) => void = () => undefined,
  ): AsyncGenerator<LogFrame, LogEnd | undefined> {
    // Read in this order: what is terminal here has all its attempts and bytes in what is read next.
    const build = await this.builds.get(tenantId, buildId);
    const executions = await this.history.executions(buildId);
    let position = from;
    for (const execution of executions) {
      if (position !== undefined && execution.attempt < position.attempt) continue;
      watch(execution.id);
      const over = execution.logSealedAt !== undefined || isTerminalExecutionState(execution.state);
      for (const step of await this.stepsFrom(execution, position)) {
        for await (const frame of this.readStep(execution, step, position)) {
          position = frame.position;
          yield frame;
        }
        if (!over && !step.ended) return undefined;
      }
      if (!over) return undefined;
    }
    return isTerminalBuildStatus(build.status) ? { status: build.status, reason: build.reason ?? null } : undefined;
  }

  /** The attempt's steps from the one in which the position is. */
  private async stepsFrom(execution: ExecutionView, position: LogPosition | undefined): Promise<StoredStep[]> {
    const steps = (await this.logs.listSteps(execution.id)).sort((a, b) => a.ordinal - b.ordinal);
    if (position?.attempt !== execution.attempt) return steps;
    return steps.slice(
      Math.max(
        0,
        steps.findIndex((step) => logStepKey(step) === position.step),
      ),
    );
  }

  private async *readStep(
    execution: ExecutionView,
    step: StoredStep,
    from: LogPosition | undefined,
  ): AsyncGenerator<LogFrame> {
    const { attempt } = execution;
    const key = logStepKey(step);
    let position =
      from?.attempt === attempt && from.step === key ? from : { attempt, step: key, byteOffset: 0, gaps: 0 };
    const records = this.logs.read({
      executionId: execution.id,
      step,
      fromByteOffset: position.byteOffset,
      skipGaps: position.gaps,
    });
    for await (const stored of records) {
      position = positionAfter(stored, position);
      const id = formatPosition(position);
      const event = stored.record.kind === 'gap' ? 'gap' : 'log';
      yield { id, position, text: eventText({ id, event, data: toLogLineResponse({ attempt, step, stored }) }) };
    }
  }
}

/** The position behind a record: behind its bytes, or, for a gap, behind one more gap at the same byte. */
function positionAfter({ record, byteOffset }: StoredLogRecord, before: LogPosition): LogPosition {
  const { attempt, step } = before;
  if (record.kind === 'gap') {
    return { attempt, step, byteOffset, gaps: before.byteOffset === byteOffset ? before.gaps + 1 : 1 };
  }
  const bytes = record.text.byteLength + (record.newline ? 1 : 0);
  return { attempt, step, byteOffset: byteOffset + bytes, gaps: 0 };
}
