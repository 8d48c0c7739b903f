import type { OwnedExecution } from '@image-factory/persistence';
import type { ExecutionScope } from './execution-scope.js';

/**
 * True when the provider drains and its deadline has passed: what has no outcome yet is stopped and goes on elsewhere.
 * The deadline is a row of the database, so a restart changes nothing; a drain that is called off before an attempt was
 * told to stop lets it run on. An attempt that was claimed after the drain began came when that was over, and what is
 * known of the provider here is older than it.
 */
export function isDrainDue(scope: ExecutionScope, row: OwnedExecution): boolean {
  const { provider, judge } = scope;
  if (provider?.state !== 'draining' || provider.drainDeadlineAt === undefined) return false;
  if (provider.stateChangedAt !== undefined && row.claimedAt > provider.stateChangedAt) return false;
  return judge.hasPassed(provider.drainDeadlineAt, 0);
}
