import { terminalStates, type TransitionTable } from './transition-table.js';

/** State of a BuildExecution: one attempt of a Build. */
export const EXECUTION_STATES = [
  'placing',
  'creating',
  'starting',
  'running',
  'sealing',
  'promoting',
  'succeeded',
  'failed',
  'cancelled',
  'moved',
  'lost',
  'released',
] as const;
export type ExecutionState = (typeof EXECUTION_STATES)[number];

/** ARCHITECTURE.md, "States". Code, SQL guard and test read this table. */
export const EXECUTION_TRANSITIONS: TransitionTable<ExecutionState> = {
  placing: ['creating', 'released'],
  creating: ['starting', 'sealing', 'lost'],
  starting: ['running', 'sealing', 'lost'],
  running: ['sealing', 'lost'],
  sealing: ['promoting', 'failed', 'cancelled', 'moved'],
  promoting: ['succeeded', 'failed'],
  succeeded: [],
  failed: [],
  cancelled: [],
  moved: [],
  lost: [],
  released: [],
};

export const TERMINAL_EXECUTION_STATES = terminalStates(EXECUTION_TRANSITIONS);

export function isTerminalExecutionState(state: ExecutionState): boolean {
  return TERMINAL_EXECUTION_STATES.includes(state);
}

/** The immutable verdict of an attempt, committed before anything else follows from it (correctness rule 18). */
export const EXECUTION_OUTCOMES = ['succeeded', 'failed', 'cancelled', 'moved'] as const;
export type ExecutionOutcome = (typeof EXECUTION_OUTCOMES)[number];

/** Why we stopped a run: committed before the cluster is told, so that an adopter reads it right (rule 11). */
export const STOP_INTENTS = ['UserCancel', 'StartLimit', 'RunLimit', 'Drain', 'Superseded'] as const;
export type StopIntent = (typeof STOP_INTENTS)[number];

/**
 * For whom a build is cancelled, stored on the build itself: an attempt that has its outcome, or that was told to stop for
 * another reason before, is not told again.
 */
export const CANCEL_INTENTS = ['UserCancel', 'Superseded'] as const satisfies readonly StopIntent[];
export type CancelIntent = (typeof CANCEL_INTENTS)[number];

/** Whether its build is cancelled with it: then there is no other attempt, whatever its end is. */
export function isCancelIntent(intent: StopIntent | undefined): intent is CancelIntent {
  return CANCEL_INTENTS.some((one) => one === intent);
}
