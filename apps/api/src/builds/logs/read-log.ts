import { Inject, Injectable } from '@nestjs/common';
import { DomainError } from '@image-factory/domain';
import {
  type ExecutionView,
  PostgresBuildHistory,
  PostgresBuildLogs,
  PostgresBuilds,
  type StoredStep,
} from '@image-factory/persistence';
import { type PlacedRecord, sortableTime } from './log-line.js';
import type { ReadLogRequest } from './read-log.request.js';

/** A step to read and the line to begin at. */
interface StepRange {
  readonly execution: ExecutionView;
  readonly step: StoredStep;
  readonly fromLine: number;
}

/**
 * What is stored of a build's log, in order: attempts, then steps, then bytes. Memory does not grow with the log:
 * records are read in chunks as they are taken.
 */
@Injectable()
export class ReadLog {
  constructor(
    @Inject(PostgresBuilds) private readonly builds: PostgresBuilds,
    @Inject(PostgresBuildHistory) private readonly history: PostgresBuildHistory,
    @Inject(PostgresBuildLogs) private readonly logs: PostgresBuildLogs,
  ) {}

  /** `tail` counts lines over everything that is selected; `since` then drops older ones. @throws DomainError NotFound */
  async open(tenantId: string, buildId: string, request: ReadLogRequest): Promise<AsyncGenerator<PlacedRecord>> {
    await this.builds.get(tenantId, buildId);
    const executions = await this.selectExecutions(buildId, request.attempt);
    const ranges = await this.selectSteps(executions, request.step);
    return this.read(request.tail === undefined ? ranges : lastLines(ranges, request.tail), request.since);
  }

  private async selectExecutions(buildId: string, attempt: string | undefined): Promise<readonly ExecutionView[]> {
    if (attempt === 'all') return this.history.executions(buildId);
    const execution = await this.history.findExecution(buildId, attempt === undefined ? undefined : Number(attempt));
    if (execution !== undefined) return [execution];
    if (attempt === undefined) return [];
    throw new DomainError({
      kind: 'NotFound',
      reason: 'NotFound',
      message: `build ${buildId} has no attempt ${attempt}`,
    });
  }

  private async selectSteps(executions: readonly ExecutionView[], name: string | undefined): Promise<StepRange[]> {
    const perExecution = await Promise.all(
      executions.map(async (execution) => {
        const steps = await this.logs.listSteps(execution.id);
        return steps
          .filter((step) => name === undefined || name === step.step || name === `${step.task}/${step.step}`)
          .sort((a, b) => a.ordinal - b.ordinal)
          .map((step) => ({ execution, step, fromLine: 0 }));
      }),
    );
    return perExecution.flat();
  }

  private async *read(ranges: readonly StepRange[], since: string | undefined): AsyncGenerator<PlacedRecord> {
    const floor = since === undefined ? undefined : sortableTime(utc(since));
    for (const { execution, step, fromLine } of ranges) {
      for await (const stored of this.logs.read({ executionId: execution.id, step, fromLine })) {
        if (floor !== undefined && sortableTime(stored.record.time) < floor) continue;
        yield { attempt: execution.attempt, step, stored };
      }
    }
  }
}

/** The ranges that hold the last `count` lines. */
function lastLines(ranges: readonly StepRange[], count: number): StepRange[] {
  let missing = count;
  const kept: StepRange[] = [];
  for (const range of [...ranges].reverse()) {
    if (missing <= 0) break;
    kept.unshift({ ...range, fromLine: Math.max(0, range.step.lineOffset - missing) });
    missing -= range.step.lineOffset;
  }
  return kept;
}

/** A time with an offset, in UTC; the fraction of a UTC time is kept to its nanoseconds. */
function utc(time: string): string {
  return time.endsWith('Z') ? time : new Date(time).toISOString();
}
