import type { ExecutionView, StoredBuild } from '@image-factory/persistence';
import type { Audience } from '../../access/audience.js';
import { ShownAs } from '../../http/response/shown.js';
import { BuildPhases } from './build-phases.js';
import { BuildResponse, toBuildResponse } from './build.response.js';
import { ExecutionResponse, toExecutionResponse } from '../history/execution.response.js';
import { QueueStanding } from './queue-standing.js';

/** A build with everything that one wants to know while it goes on. */
export class BuildDetailResponse extends BuildResponse {
  @ShownAs(() => QueueStanding, { nullable: true, description: 'While queued: position and what binds' })
  readonly queue!: QueueStanding | null;

  @ShownAs(() => BuildPhases)
  readonly phases!: BuildPhases;

  @ShownAs(() => ExecutionResponse, { nullable: true })
  readonly execution!: ExecutionResponse | null;
}

export function toBuildDetailResponse(
  build: StoredBuild,
  execution: ExecutionView | undefined,
  standing: QueueStanding | null,
  phases: BuildPhases,
  audience: Audience,
): BuildDetailResponse {
  const shown = toBuildResponse(build, audience);
  const attempt = execution === undefined ? null : toExecutionResponse(execution, audience);
  // While an attempt waits for its pod, that is the build's reason too: "Pending" always has one.
  const waiting = build.status === 'running' && shown.reason === null ? attempt?.waiting : undefined;
  return {
    ...shown,
    reason: shown.reason ?? standing?.binds?.reason ?? waiting?.reason ?? null,
    message: shown.message ?? standing?.binds?.message ?? waiting?.message ?? null,
    queue: standing,
    phases,
    execution: attempt,
  };
}
