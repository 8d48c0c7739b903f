import { Inject, Injectable } from '@nestjs/common';
import { isTerminalBuildStatus, isTerminalExecutionState, logStepKey } from '@image-factory/domain';
import {
  type ExecutionView,
  PostgresBuildHistory,
  PostgresBuildLogs,
  PostgresBuilds,
  type StoredStep,
} from '@image-factory/persistence';
import { ChangeFeed, type ChangeSubscription } from '../../stream/change-feed.js';
import type { EventStream } from '../../stream/event-stream.js';
import { toLogLineResponse } from './log-line.js';
import { formatPosition, type LogPosition, parsePosition } from './log-position.js';

/** The safety net under lost notifications. */
const POLL_MS = 2_000;

/**
 * A build's log as it grows. The order is total: attempts by number, steps by ordinal, bytes; so a position says
 * everything that was told. A step is followed to its end before the next begins; an attempt whose log is sealed, or
 * that is over, has no more bytes. Nothing is held in memory but the position.
 */
@Injectable()
export class StreamLog {
  constructor(
    @Inject(PostgresBuilds) private readonly builds: PostgresBuilds,
    @Inject(PostgresBuildHistory) private readonly history: PostgresBuildHistory,
    @Inject(PostgresBuildLogs) private readonly logs: PostgresBuildLogs,
    @Inject(ChangeFeed) private readonly feed: ChangeFeed,
  ) {}

  /** Throws before anything is streamed: @throws DomainError NotFound */
  async open(tenantId: string, buildId: string): Promise<void> {
    await this.builds.get(tenantId, buildId);
  }

  async produce(
    tenantId: string,
    buildId: string,
    lastEventId: string | undefined,
    stream: EventStream,
  ): Promise<void> {
    let position = parsePosition(lastEventId);
    const subscription = this.feed.subscribe([buildId]);
    try {
      while (!stream.signal.aborted) {
        // Read in this order: what is terminal here has all its attempts and bytes in what is read next.
        const build = await this.builds.get(tenantId, buildId);
        const executions = await this.history.executions(buildId);
        const told = await this.tellExecutions(executions, position, subscription, stream);
        position = told.position;
        if (told.complete && isTerminalBuildStatus(build.status)) {
          return await stream.end({ status: build.status, reason: build.reason ?? null });
        }
        await subscription.changed(POLL_MS, stream.signal);
      }
    } finally {
      subscription.close();
    }
  }

  /** Tells every attempt from the position on. `complete`: no attempt that is there now will have more bytes. */
  private async tellExecutions(
    executions: readonly ExecutionView[],
    from: LogPosition | undefined,
    subscription: ChangeSubscription,
    stream: EventStream,
  ): Promise<{ position: LogPosition | undefined; complete: boolean }> {
    let position = from;
    for (const execution of executions) {
      if (position !== undefined && execution.attempt < position.attempt) continue;
      subscription.watch(execution.id);
      const told = await this.tellSteps(execution, position, stream);
      position = told.position;
      if (!told.complete) return { position, complete: false };
    }
    return { position, complete: true };
  }

  private async tellSteps(
    execution: ExecutionView,
    from: LogPosition | undefined,
    stream: EventStream,
  ): Promise<{ position: LogPosition | undefined; complete: boolean }> {
    const over = execution.logSealedAt !== undefined || isTerminalExecutionState(execution.state);
    const steps = (await this.logs.listSteps(execution.id)).sort((a, b) => a.ordinal - b.ordinal);
    let position = from?.attempt === execution.attempt ? from : undefined;
    const current = position === undefined ? -1 : steps.findIndex((step) => logStepKey(step) === position?.step);
    for (const step of steps.slice(Math.max(0, current))) {
      position = await this.tellStep(execution, step, position, stream);
      if (!over && !step.ended) return { position: position ?? from, complete: false };
    }
    return { position: position ?? from, complete: over };
  }

  private async tellStep(
    execution: ExecutionView,
    step: StoredStep,
    from: LogPosition | undefined,
    stream: EventStream,
  ): Promise<LogPosition | undefined> {
    const key = logStepKey(step);
    let position = from?.step === key ? from : undefined;
    const records = this.logs.read({
      executionId: execution.id,
      step,
      fromByteOffset: position?.byteOffset ?? 0,
      skipGaps: position?.gaps ?? 0,
    });
    for await (const stored of records) {
      if (stream.signal.aborted) break;
      position = positionAfter(execution.attempt, key, stored, position);
      const data = toLogLineResponse({ attempt: execution.attempt, step, stored });
      await stream.send({ id: formatPosition(position), event: stored.record.kind === 'gap' ? 'gap' : 'log', data });
    }
    return position ?? from;
  }
}

/** The position behind a record: behind its bytes, or, for a gap, behind one more gap at the same byte. */
function positionAfter(
  attempt: number,
  step: string,
  stored: {
    readonly record: { readonly kind: string; readonly text?: Uint8Array; readonly newline?: boolean };
    readonly byteOffset: number;
  },
  before: LogPosition | undefined,
): LogPosition {
  const { record, byteOffset } = stored;
  if (record.kind === 'gap') {
    const gaps = before?.byteOffset === byteOffset ? before.gaps + 1 : 1;
    return { attempt, step, byteOffset, gaps };
  }
  const bytes = (record.text?.byteLength ?? 0) + (record.newline === true ? 1 : 0);
  return { attempt, step, byteOffset: byteOffset + bytes, gaps: 0 };
}
