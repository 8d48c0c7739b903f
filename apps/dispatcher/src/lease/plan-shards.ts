import { preferredOwner } from '@image-factory/domain';

/** A live dispatcher as shard planning sees it. */
export interface ShardCandidate {
  readonly id: string;
  readonly host: string;
  /** Providers on which it makes no progress: unreachable, or a silent watch. */
  readonly stuck: ReadonlySet<string>;
}

/** One row of `cluster_shards`. `host` is empty for clusters, the host's id for local providers. */
export interface ShardRow {
  readonly providerId: string;
  readonly host: string;
  readonly shard: number;
  readonly owner: string | undefined;
  readonly ownerAlive: boolean;
}

export interface ShardPlanInput {
  readonly me: string;
  readonly candidates: readonly ShardCandidate[];
  readonly shards: readonly ShardRow[];
  /** False while nobody may take over what another owned (correctness rule 20). */
  readonly mayAdopt: boolean;
  /** Most shards of dead owners to take in one round (rule 20). */
  readonly adoptBatch: number;
}

export interface ShardPlan {
  readonly acquire: readonly ShardRow[];
  readonly adopt: readonly ShardRow[];
  readonly giveUp: readonly ShardRow[];
}

export function shardKey(shard: Pick<ShardRow, 'providerId' | 'host' | 'shard'>): string {
  return `${shard.providerId}/${shard.host}/${shard.shard}`;
}

/**
 * Who should own a shard: rendezvous hashing over the live dispatchers of its host (any host for a cluster) that
 * make progress on the provider. When none does, all are candidates: then the cluster is lost, not a dispatcher's network (rule 7),
 * and its owner keeps it.
 */
export function desiredOwner(shard: ShardRow, candidates: readonly ShardCandidate[]): string | undefined {
  const onHost = candidates.filter((candidate) => shard.host === '' || candidate.host === shard.host);
  const reaching = onHost.filter((candidate) => !candidate.stuck.has(shard.providerId));
  const eligible = reaching.length > 0 ? reaching : onHost;
  if (reaching.length === 0 && shard.ownerAlive && onHost.some((candidate) => candidate.id === shard.owner)) {
    return shard.owner;
  }
  return preferredOwner(
    shardKey(shard),
    eligible.map((candidate) => candidate.id),
  );
}

/** What one dispatcher takes and gives up now. Pure: equal rows give equal plans on every dispatcher. */
export function planShards(input: ShardPlanInput): ShardPlan {
  const acquire: ShardRow[] = [];
  const adopt: ShardRow[] = [];
  const giveUp: ShardRow[] = [];
  for (const shard of input.shards) {
    const desired = desiredOwner(shard, input.candidates);
    if (shard.owner === input.me) {
      if (desired !== undefined && desired !== input.me) giveUp.push(shard);
    } else if (desired === input.me) {
      if (shard.owner === undefined) acquire.push(shard);
      else if (!shard.ownerAlive && input.mayAdopt && adopt.length < input.adoptBatch) adopt.push(shard);
    }
  }
  return { acquire, adopt, giveUp };
}
