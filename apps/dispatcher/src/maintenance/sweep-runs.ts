import {
  infrastructureTypeOf,
  isDomainError,
  isTerminalExecutionState,
  type ExecutionFollower,
} from '@image-factory/domain';
import type { RunOwner, ShardLease } from '@image-factory/persistence';
import type { ProviderFollower } from '../follow/provider-follower.js';
import type { ProviderSweep } from '../metrics/sweep-report.js';
import type { DispatcherRuntime } from '../runtime/dispatcher-runtime.js';

/**
 * The budget of one round on one provider: so many late attempts are opened again (each costs two deletes), the others
 * by the rounds after it. Lists have a budget of their own, where they are made.
 */
const MOST_REOPENED = 100;

/** An object of ours on a cluster: a run, or an attempt's Secret. */
interface FoundObject {
  readonly executionId: string | undefined;
  readonly namespace: string;
  readonly name: string;
}

/**
 * The other half of the two-way sweep: every run and every attempt's Secret of our installation on the shards held here
 * must have a row. (The first half, rows without runs, is what each reconcile sees as `absent`.) An object whose row is
 * finished and swept is one that came late, from a dispatcher that was frozen: its row is opened for sweeping again. An
 * object without a row is an alarm and is left alone: it may belong to a newer database than ours (correctness rule 1).
 * While claims are held after a failover, each shard whose cluster was seen is marked as compared (rule 4); a cluster that is lost for all is not waited for.
 */
export async function sweepRuns(runtime: DispatcherRuntime): Promise<number> {
  const identity = runtime.lease.databaseIdentity;
  const idle = runtime.lease.claimsHeld ? await leasesWithoutFollower(runtime) : [];
  const sweeps = await Promise.all(runtime.followers.all().map((follower) => sweepOne(runtime, follower)));
  runtime.sweeps = new Map(sweeps.map(({ providerId, found }) => [providerId, found]));
  if (identity !== undefined && runtime.lease.claimsHeld && runtime.judge.isSettled()) {
    const compared = sweeps.flatMap(({ looked, leases }) => (looked ? leases : []));
    await runtime.parts.stores.trust.markCompared(identity, [...compared, ...idle]);
    await runtime.parts.stores.trust.trustCompared(identity, await lostForAll(runtime));
  }
  return sweeps.reduce((sum, { reopened }) => sum + reopened, 0);
}

/** Providers that are lost, also those of others: the rule by which attempts on them are given up (rule 7). */
async function lostForAll({ parts, judge, reachability, settings }: DispatcherRuntime): Promise<readonly string[]> {
  const { lossLimitMs } = settings.limits;
  const overdue = (await parts.stores.providers.list()).filter(
    ({ health: { firstLossAt } }) => firstLossAt !== undefined && judge.hasPassed(firstLossAt, lossLimitMs),
  );
  const lost = await Promise.all(overdue.map(async ({ id }) => ((await reachability.isLostForAll(id)) ? [id] : [])));
  return lost.flat();
}

/** Shards of providers for which this process has no executor: it cannot look at them, and nothing is placed from here. */
async function leasesWithoutFollower({ lease, followers, parts }: DispatcherRuntime): Promise<readonly ShardLease[]> {
  const { stores, places } = parts;
  if (lease.dispatcherId === undefined) return [];
  const held = await stores.leases.findHeld(lease.dispatcherId);
  const types = new Map((await stores.providers.list()).map((provider) => [provider.id, provider.type]));
  return held.filter(({ providerId }) => {
    const type = types.get(providerId);
    return (
      type !== undefined &&
      followers.find(providerId) === undefined &&
      places.executors[infrastructureTypeOf(type)] === undefined
    );
  });
}

interface Sweep {
  readonly providerId: string;
  /** Held when the look began. */
  readonly leases: readonly ShardLease[];
  readonly found: ProviderSweep;
  /** False: what is on the cluster could not be seen. */
  readonly looked: boolean;
  readonly reopened: number;
}

async function sweepOne(
  runtime: DispatcherRuntime,
  { providerId, follower, leases }: ProviderFollower,
): Promise<Sweep> {
  const { logger } = runtime.parts;
  try {
    const { orphans, reopened } = await sweepProvider(runtime, await findObjects(follower));
    if (orphans.length > 0) {
      const message = 'objects of this installation have no row; nothing is deleted';
      logger.error(message, { provider: providerId, objects: orphans });
    }
    return { providerId, leases, found: { orphans, foreign: false }, looked: true, reopened };
  } catch (error) {
    const foreign = isDomainError(error) && error.reason === 'ForeignInstallation';
    logger.warn('a provider could not be swept', { provider: providerId, error });
    return { providerId, leases, found: { orphans: [], foreign }, looked: foreign, reopened: 0 };
  }
}

async function findObjects(follower: ExecutionFollower): Promise<readonly FoundObject[]> {
  const runs = await follower.listRuns();
  const credentials = await follower.listCredentials();
  return credentials.kind === 'listed' ? [...runs, ...credentials.found] : runs;
}

async function sweepProvider(
  runtime: DispatcherRuntime,
  objects: readonly FoundObject[],
): Promise<{ reopened: number; orphans: readonly string[] }> {
  if (objects.length === 0) return { reopened: 0, orphans: [] };
  const { ownership } = runtime.parts.stores;
  const ids = new Set(objects.flatMap(({ executionId }) => (executionId === undefined ? [] : [executionId])));
  const owners = new Map((await ownership.ownersOfRuns([...ids])).map((owner) => [owner.executionId, owner]));
  const orphans = objects.filter(({ executionId }) => owners.get(executionId ?? '') === undefined);
  const late = [...owners.values()].filter(isFinished).slice(0, MOST_REOPENED);
  const dispatcherId = runtime.lease.dispatcherId;
  const reopened =
    late.length === 0 || dispatcherId === undefined
      ? 0
      : await ownership.reopenSweep(
          dispatcherId,
          late.map(({ executionId }) => executionId),
        );
  if (reopened > 0) runtime.loops.ownership.wake();
  return { reopened, orphans: orphans.map(({ namespace, name }) => `${namespace}/${name}`) };
}

function isFinished(owner: RunOwner): boolean {
  return owner.swept && isTerminalExecutionState(owner.state);
}
