import { createHash } from 'node:crypto';

/** Shards of a new cluster (correctness.md, "Ownership in one picture"). */
export const DEFAULT_SHARD_COUNT = 8;
export const MAX_SHARD_COUNT = 64;

function hash32(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0);
}

/** Shard of a build on a cluster with `shardCount` shards: a label on its PipelineRun, fixed for the attempt. */
export function shardOf(buildId: string, shardCount: number): number {
  return hash32(buildId) % shardCount;
}

/**
 * Rendezvous hashing: the dispatcher that should own a shard, of those alive. When one joins or leaves, only the
 * shards that it wins or owned move. Undefined when nobody is alive.
 */
export function preferredOwner(shardKey: string, dispatcherIds: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestScore = -1;
  for (const id of dispatcherIds) {
    const score = hash32(`${shardKey}|${id}`);
    if (score > bestScore || (score === bestScore && best !== undefined && id < best)) {
      best = id;
      bestScore = score;
    }
  }
  return best;
}
