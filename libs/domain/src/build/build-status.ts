import { terminalStates, type TransitionTable } from './transition-table.js';

/** Status of a Build, as users see it (product.md, the contract). */
export const BUILD_STATUSES = ['queued', 'running', 'cancelling', 'completed', 'failed', 'cancelled'] as const;
export type BuildStatus = (typeof BUILD_STATUSES)[number];

/** ARCHITECTURE.md, "States". Code, SQL guard and test read this table. */
export const BUILD_TRANSITIONS: TransitionTable<BuildStatus> = {
  queued: ['running', 'failed', 'cancelled'],
  running: ['queued', 'completed', 'failed', 'cancelling'],
  cancelling: ['cancelled', 'completed', 'failed'],
  completed: [],
  failed: [],
  cancelled: [],
};

export const TERMINAL_BUILD_STATUSES = terminalStates(BUILD_TRANSITIONS);

export function isTerminalBuildStatus(status: BuildStatus): boolean {
  return TERMINAL_BUILD_STATUSES.includes(status);
}
