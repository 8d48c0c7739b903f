/** One cluster shard held by a dispatcher: the fence of every write about an execution on it. */
export interface ShardLease {
  readonly providerId: string;
  /** '' for clusters; the host's id for the local executor. */
  readonly host: string;
  readonly shard: number;
  /** Random UUID of this acquisition. */
  readonly token: string;
}

/** Shards as the parameters $1 to $4 of statements about them: providers, hosts, shards, tokens. */
export function shardColumns(leases: readonly ShardLease[]): unknown[][] {
  return [
    leases.map((lease) => lease.providerId),
    leases.map((lease) => lease.host),
    leases.map((lease) => lease.shard),
    leases.map((lease) => lease.token),
  ];
}

/**
 * What became of a fenced write. `lease-lost`: the shard has another owner, drop the work. `state-moved`: we still own
 * it, but its row is not in a state that takes this write; read it again.
 */
export type Fenced = 'done' | 'lease-lost' | 'state-moved';

export interface ShardView {
  readonly providerId: string;
  readonly host: string;
  readonly shard: number;
  readonly owner: string | undefined;
  /** False for a free shard too. */
  readonly ownerAlive: boolean;
  /** Under which its owner holds it; undefined of a free one. */
  readonly token: string | undefined;
}

export interface DispatcherRegistration {
  /** Random per process start. */
  readonly id: string;
  readonly host: string;
  readonly version: string;
  readonly slots: number;
  readonly leaseMs: number;
}

export interface Heartbeat {
  readonly id: string;
  readonly leaseMs: number;
  readonly slotsUsed: number;
  readonly metrics: Readonly<Record<string, unknown>>;
  /** Providers that this dispatcher cannot reach now (correctness rule 7). */
  readonly unreachableProviders: readonly string[];
  /** True while it drains: it keeps its shards, others stop counting on it for new ones. */
  readonly stopping?: boolean;
}

export interface HeartbeatResult {
  /** False: our own lease had lapsed. Drop everything that is owned and register under a new id. */
  readonly alive: boolean;
  readonly leaseUntil: Date;
  /** The database's clock at the heartbeat: for the jump guard of rule 20. */
  readonly databaseNow: Date;
  readonly paused: boolean;
  /** Dispatchers that shards may be given to, this one included while it is alive and not stopping. */
  readonly liveDispatchers: readonly { readonly id: string; readonly host: string }[];
}
