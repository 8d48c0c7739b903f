import type { Reason } from '@image-factory/domain';
import type { OwnedExecution } from '@image-factory/persistence';
import type { ExecutionLimits, ExecutionScope } from './execution-scope.js';

type AttemptClock = 'placement' | 'start' | 'run' | 'seal' | 'loss';

/** Clocks that end an attempt with a reason of their own. The others leave the attempt its own reason. */
const CLOCK_REASONS: Partial<Record<Reason, AttemptClock>> = {
  StartTimeout: 'start',
  RunTimeout: 'run',
  ClusterLost: 'loss',
};

/** What the clocks of an ended attempt came to. */
export interface AttemptClocks {
  /** Only of what is known: of an attempt that was lost nobody knows how long its steps ran. */
  readonly seconds: Partial<Record<AttemptClock, number>>;
  readonly ranOut: readonly AttemptClock[];
}

/** Pure, from the row as it stood before its end, and what it ended with. */
export function attemptClocks(
  row: OwnedExecution,
  reason: Reason,
  nowMs: number,
  limits: Pick<ExecutionLimits, 'placementBudgetMs' | 'sealLimitMs'>,
): AttemptClocks {
  const { createdAt, firstStepStartedAt, outcomeAt, logSealedAt, firstLossAt } = row;
  const seconds: Partial<Record<AttemptClock, number>> = {};
  seconds.placement = secondsBetween(row.claimedAt, createdAt ?? outcomeAt ?? firstLossAt ?? new Date(nowMs));
  const start = startSeconds(row);
  if (start !== undefined) seconds.start = start;
  if (outcomeAt !== undefined && firstStepStartedAt !== undefined) seconds.run = row.runSeconds;
  if (outcomeAt !== undefined && logSealedAt !== undefined) seconds.seal = secondsBetween(outcomeAt, logSealedAt);
  if (firstLossAt !== undefined) seconds.loss = secondsBetween(firstLossAt, new Date(nowMs));
  const byReason = CLOCK_REASONS[reason];
  const ranOut: AttemptClock[] = byReason === undefined ? [] : [byReason];
  const wasGivenUp = createdAt === undefined && outcomeAt !== undefined && row.stopIntent === undefined;
  if (wasGivenUp && secondsBetween(row.placedAt, outcomeAt) * 1000 >= limits.placementBudgetMs)
    ranOut.push('placement');
  if ((seconds.seal ?? 0) * 1000 >= limits.sealLimitMs) ranOut.push('seal');
  return { seconds, ranOut };
}

/** The clocks of an attempt as figures: by cluster, and by tenant, each as its own metric so that they do not multiply. */
export function recordClocks(scope: ExecutionScope, row: OwnedExecution, reason: Reason): void {
  const provider = scope.provider?.name ?? 'unknown';
  const tenant = row.tenantId;
  const { seconds, ranOut } = attemptClocks(row, reason, scope.judge.databaseNowMs(), scope.limits);
  for (const [clock, measured] of Object.entries(seconds)) {
    scope.metrics.recordSeconds('clusterClock', measured, { clock, provider });
    scope.metrics.recordSeconds('tenantClock', measured, { clock, tenant });
  }
  for (const clock of ranOut) {
    scope.metrics.count('clusterClockTimeouts', 1, { clock, provider });
    scope.metrics.count('tenantClockTimeouts', 1, { clock, tenant });
  }
}

/** Counted when its outcome was fixed; of one without an outcome only a step that started says how long it took. */
function startSeconds({ createdAt, firstStepStartedAt, outcomeAt, startSeconds }: OwnedExecution): number | undefined {
  if (createdAt === undefined) return undefined;
  if (outcomeAt !== undefined) return startSeconds;
  return firstStepStartedAt === undefined ? undefined : secondsBetween(createdAt, firstStepStartedAt);
}

function secondsBetween(from: Date, to: Date): number {
  return Math.max(0, (to.getTime() - from.getTime()) / 1000);
}
