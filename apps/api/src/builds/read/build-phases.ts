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
  @ShownAs(() => Phase, { description: 'From the claim until the run is made on its cluster' })
  readonly placement!: Phase;

  @ShownAs(() => Phase) readonly start!: Phase;

  @ShownAs(() => Phase, {
    description:
      'What counts towards its limit: time in which some step runs, as far as it was seen; it stands while a later task waits, and while the cluster is out of sight',
  })
  readonly run!: Phase;

  @ShownAs(() => Phase) readonly seal!: Phase;
  @ShownAs(() => Phase) readonly loss!: Phase;
}

/**
 * The clocks of a build (ARCHITECTURE.md, "Clocks"): the queue's over all its stays, the others of the latest attempt.
 * Placement, from the claim to the run that is made, is shown apart; until the build is placed it is in the queue's too.
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
          : round(secondsBetween(execution.claimedAt, execution.createdAt ?? lastSeenAt(execution, now))),
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
  return round(secondsBetween(execution.createdAt, execution.firstStepStartedAt ?? lastSeenAt(execution, now)));
}

/** What is stored, which leaves waits of later TaskRuns out; until the outcome with what has run since. */
function runSeconds(execution: ExecutionView | undefined, now: Date): number | null {
  if (execution?.firstStepStartedAt === undefined) return null;
  const { runSeconds, runSince } = execution;
  return round(runSeconds + (runSince === undefined ? 0 : secondsBetween(runSince, lastSeenAt(execution, now))));
}

/** Its end, or when its cluster was lost from sight: nobody knows what went on there since. */
function lastSeenAt({ endedAt, firstLossAt, finishedAt }: ExecutionView, now: Date): Date {
  return endedAt ?? firstLossAt ?? finishedAt ?? now;
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
