import type { PresentAttempt, StopIntent } from '@image-factory/domain';
import type { RunRecord, RunState } from '../workspace/run-state.js';
import { attemptEnd } from './attempt-end.js';
import type { RunEnd } from '../follower/run-end.js';

/** What was read of a run at one moment. */
export interface RunSighting {
  readonly record: RunRecord;
  readonly state: RunState | undefined;
  readonly end: RunEnd | undefined;
  /** Whether nothing of it lives. */
  readonly over: boolean;
}

/** Describes a run to the dispatcher: pure. */
export function observeRun(
  sighting: RunSighting,
  stopIntent: StopIntent | undefined,
  hostName: string,
  now: Date,
): PresentAttempt {
  const { record, state, end } = sighting;
  const started = (state?.steps ?? []).flatMap((step) =>
    step.startedAt === undefined ? [] : [Date.parse(step.startedAt)],
  );
  const firstStepStartedAt = started.length === 0 ? undefined : new Date(Math.min(...started));
  const phase = end !== undefined ? 'ended' : firstStepStartedAt === undefined ? 'pending' : 'running';
  return {
    kind: 'present',
    uid: record.uid,
    phase,
    waiting:
      phase === 'pending'
        ? { reason: 'WaitingForPod', message: 'The run waits for its supervisor process.' }
        : undefined,
    firstStepStartedAt,
    runSeconds: runSeconds(state, end === undefined ? now : new Date(end.endedAt)),
    waitingSince: phase === 'pending' ? new Date(record.createdAt) : undefined,
    endedAt: end === undefined ? undefined : new Date(end.endedAt),
    podsOver: end !== undefined && sighting.over,
    podsProvedOver: end !== undefined && sighting.over,
    end:
      end === undefined
        ? undefined
        : attemptEnd({ record, state, ending: end.ending, endedAt: end.endedAt, hostName, stopIntent }),
  };
}

function runSeconds(state: RunState | undefined, until: Date): number {
  let milliseconds = 0;
  for (const { startedAt, endedAt } of state?.steps ?? []) {
    if (startedAt === undefined) continue;
    milliseconds += Math.max(
      0,
      (endedAt === undefined ? until.getTime() : Date.parse(endedAt)) - Date.parse(startedAt),
    );
  }
  return milliseconds / 1000;
}
