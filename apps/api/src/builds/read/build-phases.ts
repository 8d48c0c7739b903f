import type { ClockLimits } from '@image-factory/domain';
import type { ExecutionView, StoredBuild } from '@image-factory/persistence';
import { Shown, ShownAs } from '../../http/response/shown.js';

/** How long a phase took (or takes), and how long it may. */
export class Phase {
  @Shown('number', { nullable: true, description: 'null before the phase begins' }) readonly seconds!: number | null;

  @Shown('number', { nullable: true, description: 'null where the phase has no limit of its own' })
  readonly limit_seconds!: number | null;
}

export class BuildPhases {
  @ShownAs(() => Phase) readonly queue!: Phase;
  @ShownAs(() => Phase) readonly placement!: Phase;
  @ShownAs(() => Phase) readonly start!: Phase;
  @ShownAs(() => Phase) readonly run!: Phase;
  @ShownAs(() => Phase) readonly seal!: Phase;
  @ShownAs(() => Phase) readonly loss!: Phase;
}

/**
 * The clocks of a build (ARCHITECTURE.md, "Clocks"): the queue's over all its stays, the others of the latest attempt.
 * Placement is part of the queue clock and shown apart.
 */
export function buildPhases(
  build: StoredBuild,
  execution: ExecutionView | undefined,
  now: Date,
  limits: ClockLimits,
): BuildPhases {
  const waiting = build.status === 'queued' ? secondsBetween(build.queuedAt, now) : 0;
  return {
    queue: { seconds: round(build.queuedSeconds + waiting), limit_seconds: build.queueTimeoutMinutes * 60 },
    placement: {
      seconds:
        execution === undefined
          ? null
          : round(secondsBetween(execution.claimedAt, execution.placedAt ?? execution.finishedAt ?? now)),
      limit_seconds: limits.placementSeconds,
    },
    start: { seconds: startSeconds(execution, now), limit_seconds: build.startLimitMinutes * 60 },
    run: { seconds: runSeconds(execution, now), limit_seconds: build.buildTimeoutMinutes * 60 },
    seal: { seconds: sealSeconds(execution, now), limit_seconds: limits.sealSeconds },
    loss: { seconds: lossSeconds(execution, now), limit_seconds: limits.lossMinutes * 60 },
  };
}

function startSeconds(execution: ExecutionView | undefined, now: Date): number | null {
  if (execution?.createdAt === undefined) return null;
  if (execution.startSeconds > 0) return round(execution.startSeconds);
  return round(
    secondsBetween(
      execution.createdAt,
      execution.firstStepStartedAt ?? execution.endedAt ?? execution.finishedAt ?? now,
    ),
  );
}

/** After the outcome the stored figure, which leaves waits of later TaskRuns out; before it, time since the first step. */
function runSeconds(execution: ExecutionView | undefined, now: Date): number | null {
  if (execution?.firstStepStartedAt === undefined) return null;
  if (execution.outcomeAt !== undefined) return round(execution.runSeconds);
  return round(secondsBetween(execution.firstStepStartedAt, execution.endedAt ?? execution.finishedAt ?? now));
}

function sealSeconds(execution: ExecutionView | undefined, now: Date): number | null {
  if (execution?.outcomeAt === undefined) return null;
  return round(secondsBetween(execution.outcomeAt, execution.logSealedAt ?? now));
}

/** Null while the cluster is in contact. */
function lossSeconds(execution: ExecutionView | undefined, now: Date): number | null {
  if (execution?.firstLossAt === undefined) return null;
  return round(secondsBetween(execution.firstLossAt, execution.finishedAt ?? now));
}

function secondsBetween(from: Date, to: Date): number {
  return Math.max(0, (to.getTime() - from.getTime()) / 1000);
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
