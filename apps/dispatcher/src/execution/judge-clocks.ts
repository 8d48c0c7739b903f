import type { PresentAttempt, StopIntent } from '@image-factory/domain';
import type { OwnedExecution } from '@image-factory/persistence';

/** What the start and run clocks need to know, in milliseconds of the database's time. */
export interface ClockReading {
  readonly nowMs: number;
  /**
   * When the run was made, or was last seen to run; the start clock never counts from before it. A wait begins by the
   * place's own clock, which may be behind.
   */
  readonly waitsFromMs: number;
  readonly startLimitMs: number;
  readonly runLimitMs: number;
  /** What its steps ran until now: see `countRunMs`. */
  readonly runMs: number;
}

export type ClockVerdict =
  | { readonly kind: 'due'; readonly intent: Extract<StopIntent, 'StartLimit' | 'RunLimit'> }
  | { readonly kind: 'running'; readonly remainingMs: number };

/**
 * The start clock counts per waiting TaskRun, the run clock counts what steps ran, net of waiting (rule 17): a second
 * TaskRun that waits for its pod eats no run time, and has a start limit of its own. A run that waits and has no
 * TaskRun yet counts from its creation.
 */
export function judgeClocks(seen: PresentAttempt, clock: ClockReading): ClockVerdict {
  if (seen.phase === 'ended') return { kind: 'running', remainingMs: Number.POSITIVE_INFINITY };
  const { runMs } = clock;
  if (runMs >= clock.runLimitMs) return { kind: 'due', intent: 'RunLimit' };
  const waitingMs = waitingSinceMs(seen, clock);
  if (waitingMs === undefined) return { kind: 'running', remainingMs: clock.runLimitMs - runMs };
  const startRemainingMs = waitingMs + clock.startLimitMs - clock.nowMs;
  if (startRemainingMs <= 0) return { kind: 'due', intent: 'StartLimit' };
  return { kind: 'running', remainingMs: startRemainingMs };
}

/**
 * What counts as run time: what the attempt's place says, but of a step that runs now no more than since it was seen to
 * run. Its start is by the place's own clock, and one that is behind would count the wait before it.
 */
export function countRunMs(
  seen: Pick<PresentAttempt, 'runSeconds'>,
  row: Pick<OwnedExecution, 'runSeconds' | 'runSince' | 'waitingReason' | 'placedAt'>,
  nowMs: number,
): number {
  // A version that did not store it has said that this one runs.
  const since = row.runSince ?? (row.waitingReason === undefined ? row.placedAt : undefined);
  const liveMs = since === undefined ? 0 : nowMs - since.getTime();
  return Math.max(0, Math.min(seen.runSeconds * 1000, row.runSeconds * 1000 + liveMs));
}

function waitingSinceMs(seen: PresentAttempt, clock: ClockReading): number | undefined {
  if (seen.waitingSince !== undefined) return Math.max(seen.waitingSince.getTime(), clock.waitsFromMs);
  return seen.phase === 'pending' ? clock.waitsFromMs : undefined;
}
