import { toResult, type MeasuredResult } from '../report.ts';
import type { BuildWorld } from './build-world.ts';
import type { QueueBench } from './queue.ts';

const CLAIMS = 20;
const BATCH = 25;

/**
 * B17: the statistics say that nothing, half or everything is queued, and the claim still reads the claim index alone:
 * counted by what PostgreSQL read, not by what a plan promised.
 */
export async function measurePlan(bench: QueueBench): Promise<MeasuredResult[]> {
  const results: MeasuredResult[] = [];
  for (const queuedPercent of bench.quick ? [0] : [0, 50, 100]) {
    const world = await bench.world(`plan_${queuedPercent}`, 4);
    try {
      results.push(...(await measureWithStatistics(world, queuedPercent, bench.quick ? 4_000 : 100_000)));
    } finally {
      await world.close();
    }
  }
  return results;
}

async function measureWithStatistics(
  world: BuildWorld,
  queuedPercent: number,
  builds: number,
): Promise<MeasuredResult[]> {
  const tenants = await world.tenants(200, { maxRunning: 1_000_000 });
  await world.fill(tenants, { perTenant: builds / tenants.length });
  await world.rows(
    `UPDATE builds SET status = 'completed', queue_key = NULL, finished_at = now() WHERE build_number % 100 >= $1`,
    [queuedPercent],
  );
  await world.rows(
    'UPDATE lanes l SET queued = (SELECT count(*) FROM builds b WHERE b.tenant_id = l.tenant_id AND b.queue_key IS NOT NULL)',
  );
  await world.rows('VACUUM ANALYZE');
  // Statistics from before a rush: what is queued now they have not seen.
  if (queuedPercent < 100) await world.fill(tenants, { perTenant: 10 });
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
