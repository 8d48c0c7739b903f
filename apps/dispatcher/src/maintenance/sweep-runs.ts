import { isTerminalExecutionState, type FoundRun } from '@image-factory/domain';
import type { RunOwner } from '@image-factory/persistence';
import type { DispatcherRuntime } from '../runtime/dispatcher-runtime.js';

/**
 * The other half of the two-way sweep: every run of our installation on the shards held here must have a row. (The
 * first half, rows without runs, is what each reconcile sees as `absent`.) A run whose row is finished and swept is one
 * that came late: its row is opened for sweeping again. A run without a row is an alarm and is left alone: it may
 * belong to a newer database than ours (correctness rule 1).
 */
export async function sweepRuns(runtime: DispatcherRuntime): Promise<number> {
  let reopened = 0;
  let orphans = 0;
  let complete = true;
  for (const follower of runtime.followers.all()) {
    try {
      const found = await sweepProvider(runtime, await follower.follower.listRuns());
      reopened += found.reopened;
      orphans += found.orphans.length;
      if (found.orphans.length > 0) {
        runtime.parts.logger.error('runs of this installation have no row; nothing is deleted', {
          provider: follower.providerId,
          runs: found.orphans.map((run) => `${run.namespace}/${run.name}`),
        });
      }
    } catch (error) {
      complete = false;
      runtime.parts.logger.warn('a provider could not be swept', { provider: follower.providerId, error });
    }
  }
  runtime.orphans = orphans;
  if (complete && runtime.judge.isSettled()) runtime.releaseClaims();
  return reopened;
}

async function sweepProvider(
  runtime: DispatcherRuntime,
  runs: readonly FoundRun[],
): Promise<{ reopened: number; orphans: readonly FoundRun[] }> {
  if (runs.length === 0) return { reopened: 0, orphans: [] };
  const { ownership } = runtime.parts.stores;
  const ids = runs.flatMap((run) => (run.executionId === undefined ? [] : [run.executionId]));
  const owners = new Map((await ownership.ownersOfRuns(ids)).map((owner) => [owner.executionId, owner]));
  const ownerOf = (run: FoundRun): RunOwner | undefined => owners.get(run.executionId ?? '');
  const late = runs.filter((run) => isFinished(ownerOf(run)));
  const dispatcherId = runtime.lease.dispatcherId;
  const reopened =
    late.length === 0 || dispatcherId === undefined
      ? 0
      : await ownership.reopenSweep(
          dispatcherId,
          late.map((run) => run.executionId ?? ''),
        );
  if (reopened > 0) runtime.loops.ownership.wake();
  return { reopened, orphans: runs.filter((run) => ownerOf(run) === undefined) };
}

function isFinished(owner: RunOwner | undefined): boolean {
  return owner !== undefined && owner.swept && isTerminalExecutionState(owner.state);
}
