import { isTerminalBuildStatus } from '@image-factory/domain';
import type { ClaimedBuild, PlacementOutcome } from '../dispatch/placement-outcome.js';
import { withJitter } from '../loop/back-off.js';
import type { DispatcherRuntime } from './dispatcher-runtime.js';

/** What one run has claimed: each build with whether it was ever placed. */
type Claimed = Map<string, PlacementOutcome['kind'] | 'Placing'>;

/**
 * `--once`: claims what it may, follows it to the end. A build that could not be placed is left parked and counts as
 * not completed; one that was placed is followed through its later attempts.
 * @returns 0 when every build that was claimed is completed, and when there was none; else 1
 */
export async function followOnce(runtime: DispatcherRuntime, signal: AbortSignal): Promise<number> {
  const { clock, logger } = runtime.parts;
  const claimed: Claimed = new Map();
  let idle = false;
  while (!signal.aborted) {
    const outcome = await runtime.dispatch.tick();
    if (outcome.kind === 'Claimed') for (const build of outcome.builds) remember(claimed, build);
    idle = outcome.kind === 'QueueEmpty' || outcome.kind === 'LimitReached' || outcome.kind === 'Paused';
    const open = await openBuilds(runtime, claimed);
    if (idle && open === 0) break;
    if (outcome.kind === 'Claimed' && outcome.full) continue;
    await clock.sleep(withJitter(Math.min(runtime.settings.pollMs, 500), 0.2), signal).catch(() => undefined);
  }
  const completed = await countCompleted(runtime, claimed);
  logger.info('single run over', { claimed: claimed.size, completed });
  return completed === claimed.size && !signal.aborted ? 0 : 1;
}

function remember(claimed: Claimed, build: ClaimedBuild): void {
  if (claimed.get(build.buildId) !== 'Dispatched') claimed.set(build.buildId, 'Placing');
  void build.placement.then((outcome) => {
    if (claimed.get(build.buildId) !== 'Dispatched') claimed.set(build.buildId, outcome.kind);
  });
}

/** Builds that are still to be followed: being placed, or placed once and not at their end. */
async function openBuilds(runtime: DispatcherRuntime, claimed: Claimed): Promise<number> {
  const ends = await runtime.parts.stores.ownership.buildEnds([...claimed.keys()]);
  return ends.filter((end) => {
    const placed = claimed.get(end.buildId);
    if (isTerminalBuildStatus(end.status)) return false;
    return placed === 'Placing' || placed === 'Dispatched' || end.status !== 'queued';
  }).length;
}

async function countCompleted(runtime: DispatcherRuntime, claimed: Claimed): Promise<number> {
  const ends = await runtime.parts.stores.ownership.buildEnds([...claimed.keys()]);
  return ends.filter((end) => end.status === 'completed').length;
}
