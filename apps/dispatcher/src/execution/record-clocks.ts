import type { OwnedExecution } from '@image-factory/persistence';
import type { ExecutionScope } from './execution-scope.js';

/** Reasons of the clocks that end an attempt. */
const CLOCK_REASONS: Readonly<Record<string, string>> = {
  StartTimeout: 'start',
  RunTimeout: 'run',
  ClusterLost: 'loss',
};

/** The clocks of an attempt as figures: by cluster, and by tenant, each as its own metric so that they do not multiply. */
export function recordClocks(scope: ExecutionScope, row: OwnedExecution): void {
  const provider = scope.provider?.name ?? 'unknown';
  const record = (clock: string, seconds: number): void => {
    scope.metrics.recordSeconds('clusterClock', seconds, { clock, provider });
    scope.metrics.recordSeconds('tenantClock', seconds, { clock, tenant: row.tenantId });
  };
  record('placement', secondsBetween(row.claimedAt, row.placedAt));
  if (row.createdAt !== undefined) record('start', row.startSeconds);
  if (row.firstStepStartedAt !== undefined) record('run', row.runSeconds);
  if (row.outcomeAt !== undefined && row.logSealedAt !== undefined) {
    record('seal', secondsBetween(row.outcomeAt, row.logSealedAt));
  }
  if (row.firstLossAt !== undefined) {
    record('loss', (scope.judge.databaseNowMs() - row.firstLossAt.getTime()) / 1000);
  }
  const fired = CLOCK_REASONS[row.reason ?? ''];
  if (fired !== undefined) {
    scope.metrics.count('clusterClockTimeouts', 1, { clock: fired, provider });
    scope.metrics.count('tenantClockTimeouts', 1, { clock: fired, tenant: row.tenantId });
  }
}

function secondsBetween(from: Date, to: Date): number {
  return Math.max(0, (to.getTime() - from.getTime()) / 1000);
}
