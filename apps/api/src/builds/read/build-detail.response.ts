import type { ExecutionView, StoredBuild } from '@image-factory/persistence';
import { Shown, ShownAs } from '../../http/response/shown.js';
import type { BuildPhases } from './build-phases.js';
import { BuildResponse, toBuildResponse } from './build.response.js';
import { ExecutionResponse, toExecutionResponse } from '../history/execution.response.js';
import type { QueueStanding } from './queue-standing.js';

/** A build with everything that one wants to know while it goes on. */
export class BuildDetailResponse extends BuildResponse {
  @Shown('object', { nullable: true, description: 'While queued: position and what binds' })
  readonly queue!: QueueStanding | null;

  @Shown('object', { description: 'queue, placement, start, run: seconds and limit_seconds' })
  readonly phases!: BuildPhases;

  @ShownAs(() => ExecutionResponse, { nullable: true })
  readonly execution!: ExecutionResponse | null;
}

export function toBuildDetailResponse(
  build: StoredBuild,
  execution: ExecutionView | undefined,
  standing: QueueStanding | null,
  phases: BuildPhases,
): BuildDetailResponse {
  const shown = toBuildResponse(build);
  // While an attempt waits for its pod, that is the build's reason too: "Pending" always has one.
  const waiting = build.status === 'running' && shown.reason === null ? execution : undefined;
  return {
    ...shown,
    reason: shown.reason ?? standing?.binds?.reason ?? waiting?.waitingReason ?? null,
    message: shown.message ?? standing?.binds?.message ?? waiting?.waitingMessage ?? null,
    queue: standing,
    phases,
    execution: execution === undefined ? null : toExecutionResponse(execution),
  };
}
