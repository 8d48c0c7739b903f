import { infrastructureTypeOf, isDomainError } from '@image-factory/domain';
import type { ShardLease } from '@image-factory/persistence';
import type { ProviderFollower } from '../follow/provider-follower.js';
import type { ProviderSweep } from '../metrics/sweep-report.js';
import type { DispatcherRuntime } from '../runtime/dispatcher-runtime.js';
import { compareObjects, findObjects, type Found } from './find-strays.js';
import { StopStrays } from './stop-strays.js';

/**
 * The budget of one round on one provider: so many late attempts are opened again (each costs two deletes), the others
 * by the rounds after it. Lists have a budget of their own, where they are made.
 */
const MOST_REOPENED = 100;

/**
 * The other half of the two-way sweep: every run and every attempt's Secret of our installation on the shards held here
 * must have a row that expects it there. (The first half, rows without runs, is what each reconcile sees as `absent`.) An
 * object whose row is finished and swept is one that came late, from a dispatcher that was frozen: its row is opened for
 * sweeping again. An object that no row explains is an alarm and is left alone: it may belong to a newer database than
 * ours (correctness rule 1).
 *
 * On shards that were not compared with this database yet (rule 4), what no row expects is the work of a placement whose
 * commit was lost: it is ended, lest its build is made twice. Such a shard counts as compared once nothing of that is
 * left there, by what the cluster itself says. Claims wait for that after a failover; a cluster that was lost for all is
 * not waited for, and is compared when it returns.
 */
export class SweepRuns {
  readonly #strays = new StopStrays();

  /** @returns how many attempts were opened for sweeping again */
  readonly run = async (runtime: DispatcherRuntime): Promise<number> => {
    const { lease, judge, followers, parts } = runtime;
    const identity = lease.databaseIdentity;
    const held = lease.claimsHeld;
    const mayCompare = identity !== undefined && lease.dispatcherId !== undefined && judge.isSettled();
    const uncompared = mayCompare
      ? await parts.stores.trust.findUncompared(identity, lease.dispatcherId)
      : new Set<string>();
    const idle = held ? await leasesWithoutFollower(runtime) : [];
    const sweeps = await Promise.all(followers.all().map((follower) => this.#sweepOne(runtime, follower, uncompared)));
    runtime.sweeps = new Map(sweeps.map(({ providerId, found }) => [providerId, found]));
    if (mayCompare) {
      const compared = [...sweeps.flatMap((sweep) => sweep.compared), ...idle];
      if (compared.length > 0) await parts.stores.trust.markCompared(identity, compared);
      if (held) await parts.stores.trust.trustCompared(identity, await lostForAll(runtime));
    }
    return sweeps.reduce((sum, { reopened }) => sum + reopened, 0);
  };

  async #sweepOne(
    runtime: DispatcherRuntime,
    provider: ProviderFollower,
    uncompared: ReadonlySet<string>,
  ): Promise<Sweep> {
    const { logger } = runtime.parts;
    const { providerId } = provider;
    const leases = provider.leases.filter(({ token }) => uncompared.has(token));
    // Those that are given up meanwhile were perhaps not looked at.
    const stillHeld = (): ShardLease[] => leases.filter((lease) => provider.leases.includes(lease));
    try {
      const objects = await findObjects(provider.follower, leases.length > 0);
      const { late, strays, unknown } = await compareObjects(runtime.parts.stores.ownership, objects);
      const reopened = await reopen(runtime, late);
      if (reopened > 0)
        logger.warn('runs or Secrets came late and are swept again', { provider: providerId, objects: namesOf(late) });
      const orphans = namesOf([...strays, ...unknown]);
      if (orphans.length > 0)
        logger.error('objects of this installation that no row expects', { provider: providerId, objects: orphans });
      const ended = leases.length > 0 && (await this.#strays.stop(runtime, provider, isAmong(leases, strays)));
      const clean = ended && late.every(({ ended: over }) => over !== false);
      return { providerId, compared: clean ? stillHeld() : [], found: { orphans, foreign: false }, reopened };
    } catch (error) {
      const foreign = isDomainError(error) && error.reason === 'ForeignInstallation';
      logger.warn('a provider could not be swept', { provider: providerId, error });
      return { providerId, compared: foreign ? stillHeld() : [], found: { orphans: [], foreign }, reopened: 0 };
    }
  }
}

interface Sweep {
  readonly providerId: string;
  /** Shards on which nothing is newer than the rows: or nothing may be written there, and so no build placed. */
  readonly compared: readonly ShardLease[];
  readonly found: ProviderSweep;
  readonly reopened: number;
}

function isAmong(leases: readonly ShardLease[], found: readonly Found[]): readonly Found[] {
  return found.filter(({ shard }) => leases.some((lease) => lease.shard === shard));
}

function namesOf(found: readonly Found[]): readonly string[] {
  return found.map(({ namespace, name }) => `${namespace}/${name}`);
}

async function reopen(runtime: DispatcherRuntime, late: readonly Found[]): Promise<number> {
  const { dispatcherId } = runtime.lease;
  const ids = [...new Set(late.flatMap(({ executionId }) => executionId ?? []))].slice(0, MOST_REOPENED);
  if (ids.length === 0 || dispatcherId === undefined) return 0;
  const reopened = await runtime.parts.stores.ownership.reopenSweep(dispatcherId, ids);
  if (reopened > 0) runtime.loops.ownership.wake();
  return reopened;
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
