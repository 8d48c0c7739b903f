import type { PresentAttempt, StopIntent } from '@image-factory/domain';

/** What the start and run clocks need to know, in milliseconds of the database's time. */
export interface ClockReading {
  readonly nowMs: number;
  /** When the run was made; the start clock never counts from before it. */
  readonly createdMs: number;
  readonly startLimitMs: number;
  readonly runLimitMs: number;
  /** When the attempt was placed: nothing of it has run for longer than since then, whatever its place's clock says. */
  readonly placedMs: number;
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
  const runMs = Math.max(0, Math.min(seen.runSeconds * 1000, clock.nowMs - clock.placedMs));
  if (runMs >= clock.runLimitMs) return { kind: 'due', intent: 'RunLimit' };
  const waitingMs = waitingSinceMs(seen, clock);
  if (waitingMs === undefined) return { kind: 'running', remainingMs: clock.runLimitMs - runMs };
  const startRemainingMs = waitingMs + clock.startLimitMs - clock.nowMs;
  if (startRemainingMs <= 0) return { kind: 'due', intent: 'StartLimit' };
  return { kind: 'running', remainingMs: startRemainingMs };
}

function waitingSinceMs(seen: PresentAttempt, clock: ClockReading): number | undefined {
  if (seen.waitingSince !== undefined) return Math.max(seen.waitingSince.getTime(), clock.createdMs);
  return seen.phase === 'pending' ? clock.createdMs : undefined;
}
