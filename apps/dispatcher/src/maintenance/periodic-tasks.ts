import { checkInvariants } from './check-invariants.js';
import type { DispatcherRuntime } from '../runtime/dispatcher-runtime.js';
import { measureQueue } from './measure-queue.js';
import type { PeriodicTaskDefinition } from './periodic-task.js';
import { capUnswept } from './cap-unswept.js';
import { reconcileCounters } from './reconcile-counters.js';
import { expireLogs, preparePartitions } from './retain-logs.js';
import { SweepRuns } from './sweep-runs.js';
import { WakeParked } from './wake-parked.js';

const BATCH = 500;
const MINUTE_MS = 60_000;

/**
 * Everything that is done on a timer, beside the four loops of the runtime. Any dispatcher may do any of it at any time; what
 * looks at whole tables one of them does for all.
 */
export function periodicTasks(healthIntervalMs: number): readonly PeriodicTaskDefinition[] {
  const wakeParked = new WakeParked();
  const sweep = new SweepRuns();
  return [
    {
      name: 'wake-due',
      everyMs: 1_000,
      run: settled((runtime, judgedAt) => runtime.parts.stores.queue.wakeDue(BATCH, judgedAt)),
    },
    { name: 'wake-parked', everyMs: 1_000, run: (runtime) => wakeParked.run(runtime) },
    {
      name: 'release-abandoned',
      everyMs: 5_000,
      run: settled((runtime, judgedAt) => runtime.parts.stores.queue.releaseAbandoned(judgedAt)),
    },
    {
      name: 'expire-queued',
      everyMs: 10_000,
      run: settled(expireQueued),
    },
    {
      name: 'probe-health',
      everyMs: Math.min(1_000, healthIntervalMs / 6),
      run: (runtime) => runtime.parts.places.probeHealth(),
    },
    { name: 'declared-sources', everyMs: 5_000, run: (runtime) => runtime.parts.sources.syncDeclared() },
    // Asks clouds, which the file's own round must not wait for; often, so that a new content is looked at soon.
    { name: 'declared-clusters', everyMs: 1_000, run: (runtime) => runtime.parts.sources.checkDeclared() },
    {
      name: 'discovery',
      everyMs: 5_000,
      run: async ({ lease, parts }) =>
        lease.dispatcherId === undefined ? 0 : parts.sources.discover(lease.dispatcherId),
    },
    { name: 'connections', everyMs: 5_000, run: (runtime) => runtime.parts.places.upkeep() },
    { name: 'measure-queue', everyMs: 10_000, run: byOldest(measureQueue, forgetQueue) },
    { name: 'cap-unswept', everyMs: 2_000, run: capUnswept },
    { name: 'sweep-runs', everyMs: MINUTE_MS, run: sweep.run },
    // Every build waits for it.
    {
      name: 'compare-clusters',
      everyMs: 5_000,
      run: (runtime) => (runtime.lease.claimsHeld ? sweep.run(runtime) : Promise.resolve(0)),
    },
    { name: 'reconcile-counters', everyMs: MINUTE_MS, run: byOldest(reconcileCounters) },
    { name: 'check-invariants', everyMs: MINUTE_MS, run: settled(byOldest(checkInvariants, forgetInvariants)) },
    {
      name: 'forget-dispatchers',
      everyMs: MINUTE_MS,
      run: settled((runtime, judgedAt) => runtime.parts.stores.leases.forgetGone(judgedAt)),
    },
    { name: 'log-partitions', everyMs: 60 * MINUTE_MS, run: preparePartitions },
    { name: 'log-retention', everyMs: 60 * MINUTE_MS, run: settled(expireLogs) },
  ];
}

/** Their queue clock ran out without a cluster: it is counted by tenant alone. */
async function expireQueued({ parts }: DispatcherRuntime, judgedAt: Date): Promise<number> {
  const ended = await parts.stores.queue.expireQueued(BATCH, judgedAt);
  for (const { tenantId: tenant } of ended) parts.metrics.count('tenantClockTimeouts', 1, { clock: 'queue', tenant });
  return ended.length;
}

/**
 * Only while this process may act on the database's time (correctness rule 20): after an outage every owner seems dead,
 * and on a new primary whose clock is ahead every queued build seems late and every log old. It is given that time, since
 * the primary may have changed since the last heartbeat.
 */
function settled(run: (runtime: DispatcherRuntime, judgedAt: Date) => Promise<number>): PeriodicTaskDefinition['run'] {
  return async (runtime) => {
    const judgedAt = runtime.judge.judgedAt();
    return judgedAt === undefined ? 0 : run(runtime, judgedAt);
  };
}

/**
 * By the oldest dispatcher that lives and by no other. Who dies is followed by the next oldest when its lease has ended; two
 * that both take themselves for it, for a moment, do the same twice.
 */
function byOldest(
  run: PeriodicTaskDefinition['run'],
  otherwise: (runtime: DispatcherRuntime) => void = () => undefined,
): PeriodicTaskDefinition['run'] {
  return async (runtime) => {
    const [oldest] = await runtime.parts.stores.ownership.liveDispatchers();
    if (oldest?.id === runtime.lease.dispatcherId) return run(runtime);
    otherwise(runtime);
    return 0;
  };
}

/** What this process saw while it was the oldest is another's to say now. */
function forgetQueue(runtime: DispatcherRuntime): void {
  runtime.queueTotals = undefined;
}

function forgetInvariants(runtime: DispatcherRuntime): void {
  runtime.invariants = undefined;
}
