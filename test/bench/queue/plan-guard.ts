import { toResult, type MeasuredResult } from '../report.ts';
import type { BuildWorld } from './build-world.ts';
import type { QueueBench } from './queue.ts';

/** At least 100 of each tenant, so that a share of its builds can be queued to the percent. */
const TENANTS = { quick: 40, whole: 200 };
const PER_TENANT = { quick: 100, whole: 500 };
const CLAIMS = 20;
const BATCH = 25;

/**
 * B17: the statistics say that nothing, half or everything is queued, and the claim still reads the claim index alone:
 * counted by what PostgreSQL read, not by what a plan promised.
 */
export async function measurePlan(bench: QueueBench): Promise<MeasuredResult[]> {
  const size = bench.quick ? 'quick' : 'whole';
  // At once, each in its own database: it is counted, and most of the time goes by until the counts are known.
  const measured = [0, 50, 100].map(async (queuedPercent) => {
    const world = await bench.world(`plan_${queuedPercent}`, 4);
    try {
      return await measureWithStatistics(world, queuedPercent, size);
    } finally {
      await world.close();
    }
  });
  return (await Promise.all(measured)).flat();
}

async function measureWithStatistics(
  world: BuildWorld,
  queuedPercent: number,
  size: 'quick' | 'whole',
): Promise<MeasuredResult[]> {
  const tenants = await world.tenants(TENANTS[size], { maxRunning: 1_000_000 });
  await world.fill(tenants, { perTenant: PER_TENANT[size] });
  await world.rows(
    `UPDATE builds SET status = 'completed', queue_key = NULL, finished_at = now() WHERE build_number % 100 >= $1`,
    [queuedPercent],
  );
  await world.rows(
    'UPDATE lanes l SET queued = (SELECT count(*) FROM builds b WHERE b.tenant_id = l.tenant_id AND b.queue_key IS NOT NULL)',
  );
  await world.rows('VACUUM ANALYZE');
  // Statistics from before a rush: what is queued now they have not seen.
  if (queuedPercent < 100) await world.fill(tenants, { perTenant: 2_000 / tenants.length });
  const dispatcherId = await world.dispatcher();
  const before = await settledReads(world, 0);
  let claimed = 0;
  for (let claim = 0; claim < CLAIMS; claim += 1) {
    claimed += (await world.queue.claim({ dispatcherId, limit: BATCH })).claimed.length;
  }
  const after = await settledReads(world, before.claim + claimed);
  return [
    toResult({
      id: `B17-reads-${queuedPercent}`,
      title: `entries of the claim index read for each claimed build, statistics of ${queuedPercent} % queued`,
      samples: [(after.claim - before.claim) / claimed],
      q: 0.5,
      target: { text: 'at most 5', met: (value) => value > 0 && value <= 5 },
    }),
    toResult({
      id: `B17-other-${queuedPercent}`,
      title: `rows of builds read past the claim index for each claimed build, statistics of ${queuedPercent} % queued`,
      samples: [(after.other - before.other) / claimed],
      q: 0.5,
      target: { text: 'at most 2: its own, by primary key', met: (value) => value <= 2 },
    }),
  ];
}

/** Backends report what they read when they have been idle for a while: until two looks agree, and `least` is reached. */
async function settledReads(world: BuildWorld, least: number): Promise<{ claim: number; other: number }> {
  const deadline = performance.now() + 60_000;
  for (let last = await reads(world); ;) {
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const now = await reads(world);
    if (now.claim >= least && now.claim === last.claim && now.other === last.other) return now;
    if (performance.now() > deadline) throw new Error(`the claim index was read ${now.claim} of ${least} times`);
    last = now;
  }
}

async function reads(world: BuildWorld): Promise<{ claim: number; other: number }> {
  const claim = await world.number(
    `SELECT idx_tup_read AS n FROM pg_stat_user_indexes WHERE indexrelname = 'builds_claim'`,
  );
  const other = await world.number(
    `SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'builds' AND indexrelname <> 'builds_claim')
          + (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'builds') AS n`,
  );
  return { claim, other };
}
