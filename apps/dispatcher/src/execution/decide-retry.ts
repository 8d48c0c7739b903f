import {
  decideRetry,
  escalatedAmount,
  memoryText,
  ranOutOf,
  REASONS_OF_OTHER_HOSTS,
  registryOf,
  type Reason,
  type RetryDecision,
} from '@image-factory/domain';
import type { MoreOfResource, OwnedExecution } from '@image-factory/persistence';
import type { ExecutionScope } from './execution-scope.js';

/** The end of an attempt that asks whether there is another one. */
export interface RetryQuestion {
  readonly state: 'failed' | 'cancelled' | 'moved' | 'lost';
  readonly reason: Reason;
  readonly ownRetriesUsed: boolean;
}

export interface JudgedEnd {
  readonly decision: RetryDecision;
  /** What the next attempt is given more of. */
  readonly more?: MoreOfResource;
}

/**
 * Asks the rules whether the build gets another attempt, with what its earlier attempts say. A registry's trouble is
 * noted for all builds; the hold that this may begin is kept by placement, which parks the next attempt with its reason.
 */
export async function retryAfter(
  scope: ExecutionScope,
  row: OwnedExecution,
  ending: RetryQuestion,
): Promise<JudgedEnd> {
  const { limits, retries, random } = scope.retry;
  const fault = ending.state === 'lost' ? 'cluster' : (row.fault ?? 'platform');
  const history = await retries.history(row.buildId);
  const more = await moreOf(scope, row, ending.reason);
  const decision = decideRetry(
    {
      end: ending.state,
      reason: ending.reason,
      fault,
      attempt: row.attempt,
      buildMethod: row.buildMethod,
      provedOver: isProvedOver(row, ending),
      ownRetriesUsed: ending.ownRetriesUsed,
      canEscalate: more !== undefined,
      placeRanOut: more?.placeRanOut === true,
    },
    history,
    limits,
    random(),
  );
  if (decision.failureClass === 'registry' && !REASONS_OF_OTHER_HOSTS.includes(ending.reason)) {
    return { decision: await withHold(scope, row, decision) };
  }
  if (decision.decision === 'stop' || more === undefined) return { decision };
  const { placeRanOut, ...given } = more;
  const amount = `${placeRanOut ? 'at least ' : ''}${memoryText(given.requestBytes)} of ${given.resource}`;
  return { decision: { ...decision, message: `${decision.message}, with ${amount}` }, more: given };
}

async function withHold(scope: ExecutionScope, row: OwnedExecution, decision: RetryDecision): Promise<RetryDecision> {
  const heldUntil = await noteRegistryTrouble(scope, row);
  if (decision.decision === 'stop' || heldUntil === undefined) return decision;
  return { ...decision, message: `${decision.message}; its registry is held until ${heldUntil.toISOString()}` };
}

/** Only a cluster's pods are given something; a host's processes take what there is. */
async function moreOf(
  scope: ExecutionScope,
  row: OwnedExecution,
  reason: Reason,
): Promise<(MoreOfResource & { readonly placeRanOut: boolean }) | undefined> {
  const resource = ranOutOf(reason);
  if (resource === undefined || scope.infrastructureType !== 'kubernetes') return undefined;
  const had = await scope.retry.retries.givenTo(row.executionId, resource);
  const more = had === undefined ? undefined : escalatedAmount(had.given, had.most);
  return more && { resource, ...more, placeRanOut: had?.given.limitBytes === undefined };
}

/** A build met its registry's trouble. @returns until when the registry is held, if it is */
export async function noteRegistryTrouble(scope: ExecutionScope, row: OwnedExecution): Promise<Date | undefined> {
  if (row.imageRepository === undefined) return undefined;
  const { registryHolds, holdPolicy } = scope.retry;
  return registryHolds.noteTrouble(registryOf(row.imageRepository), row.buildId, holdPolicy);
}

/** Ends of an attempt that nobody saw to its own end: its run was taken away, or its node was lost with its pod. */
const OUT_OF_SIGHT: ReadonlySet<Reason> = new Set<Reason>(['PipelineRunDeleted', 'NodeUnreachable']);

/**
 * False when the attempt was out of sight at its end: its cluster was lost, its reason says so, or its pods were only
 * presumed over. Everything else ends only when its pods are over (correctness rule 15).
 */
function isProvedOver(row: OwnedExecution, ending: RetryQuestion): boolean {
  const clusterLost = ending.state === 'lost' || row.firstLossAt !== undefined;
  return !clusterLost && !row.podsPresumedOver && !OUT_OF_SIGHT.has(ending.reason);
}
